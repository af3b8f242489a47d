import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { endTimeoutMs as primaryEndMs } from '../../src/processes/api/primary.ts'
import { endTimeoutMs as apiEndMs } from '../../src/processes/api/server.ts'
import { endTimeoutMs as workerEndMs } from '../../src/processes/worker/start-worker.ts'

// docker-compose.yml and Dockerfile agree with the code and the docs.

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
const processes = ['migrate', 'api', 'worker'] as const

const seconds = (text = ''): number => Number(/(\d+) ?s/.exec(text)?.[1])

test('Compose image without a minor version in its tag → fails', t => {
  const foreign = Object.values(services).filter(({ image }) => image !== 'latchkey')
  t.is(foreign.length, 3)
  for (const { image } of foreign) t.regex(image, /^[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/)
})

test('Dockerfile → uses the minor version of Node that package.json pins', async t => {
  const { dependencies, devDependencies } = JSON.parse(await read('package.json'))
  const [minor] = /^\d+\.\d+/.exec({ ...devDependencies, ...dependencies }.node) ?? []
  const used = [...(dockerfile ?? '').matchAll(/^FROM node:(\S+?)-/gm)].map(([, version]) => version)
  t.deepEqual(used, [minor, minor])
})

test('Dockerfile → the compile cache holds every file of the API, the worker, migrations and commands', t => {
  const own = /const own = (\[.*\])/.exec(dockerfile ?? '')?.[1]?.replaceAll("'", '"') ?? '[]'
  const cached = new Set(globSync(JSON.parse(own)))
  // Files of `npm start` and of developers, and the check of custom templates, which is a thread. The files in
  // src/processes/ itself are imported by others.
  const needless =
    /^src\/(?:dev-services\/|processes\/(?:(?:dev|docs)\/|[\w-]+\.ts)|platform\/mail\/check-mjml-thread)/
  t.deepEqual(
    globSync('src/*/**/*.ts').filter(file => !cached.has(file) && !needless.test(file)),
    [],
  )
})

test('stop grace periods in Compose and docs → longer than the processes need to end', t => {
  const api = Math.max(apiEndMs, primaryEndMs) / 1000
  const worker = workerEndMs / 1000
  t.true(seconds(services.api?.stop_grace_period) > api)
  t.true(seconds(services.worker?.stop_grace_period) > worker)
  t.true(Number(/^TimeoutStopSec=(\d+)$/m.exec(operations ?? '')?.[1]) > api)
  const documented =
    /ends within (\d+) s of SIGTERM, the primary of several within (\d+) s, a worker within (\d+) s\. Allow the API (\d+) s and\s+the worker (\d+) s/
      .exec(operations ?? '')
      ?.slice(1)
      .map(Number)
  const given = [seconds(services.api?.stop_grace_period), seconds(services.worker?.stop_grace_period)]
  t.deepEqual(documented, [apiEndMs / 1000, primaryEndMs / 1000, worker, ...given])
})

test('Compose file and README → name the required Docker Compose 2.24', t => {
  t.regex(composeText ?? '', /required: false/)
  for (const text of [composeText, readme]) t.regex(text ?? '', /Docker Compose 2\.24 or\s+newer/)
})

test('Compose environment → starts each process, and ports are published on 127.0.0.1 only', t => {
  const secret = 'Xv9-of-tests-alone-0123456789-abcdef'
  for (const name of processes) {
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
