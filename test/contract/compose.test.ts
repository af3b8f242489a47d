import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { readConfig } from '../../src/platform/config/config.ts'
import { endTimeoutMs as primaryPatience } from '../../src/processes/api/primary.ts'
import { endTimeoutMs as apiPatience } from '../../src/processes/api/server.ts'
import { endTimeoutMs as workerPatience } from '../../src/processes/worker/start-worker.ts'

// docker-compose.yml and Dockerfile, against the code and the documents.

type Service = {
  image: string
  stop_grace_period?: string
  environment?: Record<string, string>
  ports?: string[]
}

const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, '../..', name), 'utf8')

const [composeText, dockerfile, readme, operations] = await Promise.all(
  ['docker-compose.yml', 'Dockerfile', 'README.md', 'docs/operations.md'].map(read),
)
const { services } = parse(composeText ?? '', { merge: true }) as { services: Record<string, Service> }
const own = ['migrate', 'api', 'worker'] as const

const seconds = (text = ''): number => Number(/(\d+) ?s/.exec(text)?.[1])

test('an image of the Compose file → its tag names a minor version', t => {
  const foreign = Object.values(services).filter(({ image }) => image !== 'latchkey')
  t.is(foreign.length, 3)
  for (const { image } of foreign) t.regex(image, /^[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/)
})

test('the Dockerfile → runs the minor version of Node that package.json pins', async t => {
  const { dependencies, devDependencies } = JSON.parse(await read('package.json'))
  const [minor] = /^\d+\.\d+/.exec({ ...devDependencies, ...dependencies }.node) ?? []
  const used = [...(dockerfile ?? '').matchAll(/^FROM node:(\S+?)-/gm)].map(([, version]) => version)
  t.deepEqual(used, [minor, minor])
})

test('a grace period of the Compose file or the documents → longer than the process takes to end', t => {
  const api = Math.max(apiPatience, primaryPatience) / 1000
  const worker = workerPatience / 1000
  t.true(seconds(services.api?.stop_grace_period) > api)
  t.true(seconds(services.worker?.stop_grace_period) > worker)
  t.true(Number(/^TimeoutStopSec=(\d+)$/m.exec(operations ?? '')?.[1]) > api)
  const told =
    /ends within (\d+) s of SIGTERM, the primary of several within (\d+) s, a worker within (\d+) s\. Allow the API (\d+) s and\s+the worker (\d+) s/
      .exec(operations ?? '')
      ?.slice(1)
      .map(Number)
  const given = [seconds(services.api?.stop_grace_period), seconds(services.worker?.stop_grace_period)]
  t.deepEqual(told, [apiPatience / 1000, primaryPatience / 1000, worker, ...given])
})

test('the Compose file needs version 2.24 → the file itself and the README say so', t => {
  t.regex(composeText ?? '', /required: false/)
  for (const text of [composeText, readme]) t.regex(text ?? '', /Docker Compose 2\.24 or newer/)
})

test('the environment of the Compose file → starts each process, and publishes nothing but on this machine', t => {
  const secret = 'Xv9-of-tests-alone-0123456789-abcdef'
  for (const name of own) {
    const given = Object.entries(services[name]?.environment ?? {}).map(([variable, text]) => [
      variable,
      variable === 'APP_SECRET' ? secret : text.replace(/\$\{\w+:-(\w+)\}/g, '$1'),
    ])
    t.deepEqual('errors' in readConfig(Object.fromEntries(given), name), false)
  }
  const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
  t.true(ports.length >= 2)
  for (const port of ports) t.regex(port, /^127\.0\.0\.1:/)
})
