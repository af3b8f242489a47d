import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { openClient } from '../client.ts'
import { anAccount, anEmail, password as word } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'
import { makeAuthority, makeCertificate, makesCertificates } from './certificates.ts'
import { common, type Node, password, program, startNode } from './redis-nodes.ts'

// Redis that accepts only TLS, with certificates of an unknown authority.

const builtWithTls = (file: string): boolean =>
  !/bad directive/i.test(
    spawnSync(file, ['--port', '0', '--tls-port', '1', '--tls-cert-file', '/none'], { encoding: 'utf8' })
      .stdout,
  )
const test = program && makesCertificates && builtWithTls(program) ? anyTest.serial : anyTest.serial.skip

const opened = new AsyncDisposableStack()
const folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
opened.defer(() => rm(folder, { recursive: true, force: true }))
const world = opened.use(await openLocalWorld())
anyTest.after.always(() => opened.disposeAsync())

const tlsLines = (certificate: string) => (port: number) => [
  ...common(0),
  `tls-port ${port}`,
  `tls-cert-file ${folder}/${certificate}.crt`,
  `tls-key-file ${folder}/${certificate}.key`,
  `tls-ca-cert-file ${folder}/ca.crt`,
  'tls-auth-clients no',
  'tls-replication yes',
]

const start = async (more: string[] = [], certificate = 'good', sentinel = false): Promise<Node> => {
  const connection = { tls: { ca: readFileSync(`${folder}/ca.crt`), checkServerIdentity: () => undefined } }
  const own = tlsLines(certificate)
  const lines = (port: number) => [...own(port).filter(line => !sentinel || line.startsWith('tls')), ...more]
  return opened.use(
    await startNode({ sentinel, connection: sentinel ? { ...connection, password: '' } : connection, lines }),
  )
}

const urls: Record<string, string> = {}
const trusting = { NODE_EXTRA_CA_CERTS: `${folder}/ca.crt` }

anyTest.before(async () => {
  if (test !== anyTest.serial) return
  await makeAuthority(folder)
  await makeCertificate(folder, 'good', 'IP:127.0.0.1')
  await makeCertificate(folder, 'other', 'DNS:elsewhere.test')
  const [single, other] = [await start(), await start([], 'other')]
  const sentinel = await start(
    [`sentinel monitor main 127.0.0.1 ${single.port} 1`, `sentinel auth-pass main ${password}`],
    'good',
    true,
  )
  const clustered = await onFreePort(undefined, busPort =>
    start([
      'cluster-enabled yes',
      'tls-cluster yes',
      `cluster-port ${busPort}`,
      'cluster-announce-ip 127.0.0.1',
    ]),
  )
  await clustered.admin.cluster('ADDSLOTSRANGE', 0, 16_383)
  urls.single = `rediss://:${password}@127.0.0.1:${single.port}`
  urls.sentinel = `rediss+sentinel://:${password}@127.0.0.1:${sentinel.port}/main`
  urls.cluster = `rediss+cluster://:${password}@127.0.0.1:${clustered.port}`
  urls.other = `rediss://:${password}@127.0.0.1:${other.port}`
})

/** Starts an API process: a process reads its certificate authorities only at its start. */
const startApi = async (url: string, env: Record<string, string>) => {
  const { child, lines } = world.spawn('api', { REDIS_URL: url, ...env })
  const line = await until(
    'the API to listen',
    () => lines.find(each => each.includes('"listening"')),
    50_000,
  )
  return { child, lines, client: openClient(`http://127.0.0.1:${JSON.parse(line).port}`) }
}

/** Starts an API that must refuse this server. Returns what it answers, and whether its log shows the password. */
const resultWith = async (url: string, env: Record<string, string>, reason: RegExp) => {
  const { child, lines, client } = await startApi(url, env)
  const { email } = await anAccount(world.client)
  const login = await client.post('login', { email, password: word })
  const ready = await client.get('/readyz')
  await until('the reason in the log', () => lines.some(line => reason.test(line)))
  await kill(child)
  return { login: login.status, redis: ready.body.checks.redis, leaked: lines.join('\n').includes(password) }
}

for (const form of ['single', 'sentinel', 'cluster']) {
  test(`${form}, a certificate of an unknown authority → the API does not use the server`, async t => {
    const found = await resultWith(
      urls[form] ?? '',
      {},
      /SELF_SIGNED_CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    )
    t.deepEqual(found, { login: 503, redis: 'down', leaked: false })
  })

  test(`${form}, the authority is in NODE_EXTRA_CA_CERTS → accounts, sessions and emails work`, async t => {
    const { child, client, lines } = await startApi(urls[form] ?? '', trusting)
    const worker = world.spawn('worker', { REDIS_URL: urls[form] ?? '', ...trusting })
    const email = anEmail()
    const made = await client.post('register', { email, password: word })
    t.is(made.status, 201, lines.join('\n'))
    const { access_token: token, refresh_token } = made.body
    t.is((await client.get('me', { token })).status, 200)
    t.is((await client.post('refresh', { refresh_token })).status, 200)
    t.is((await client.get('/readyz')).status, 200)
    t.truthy(await world.mails.to(email))
    await Promise.all([kill(child), kill(worker.child)])
  })
}

test('a certificate of a known authority for another name → the API does not use the server', async t => {
  const found = await resultWith(urls.other ?? '', trusting, /ERR_TLS_CERT_ALTNAME_INVALID/)
  t.deepEqual(found, { login: 503, redis: 'down', leaked: false })
})
