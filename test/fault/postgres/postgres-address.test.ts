import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { unprivilegedUser } from '../../../src/dev-services/run-as.ts'
import { openLog } from '../../../src/platform/base/log.ts'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { openDatabase } from '../../../src/platform/postgres/postgres.ts'
import { findConnection } from '../../../src/platform/postgres/postgres-connection.ts'
import { openPreparedReads } from '../../../src/platform/postgres/prepared-read.ts'
import { canReplicate, openOwnPostgres } from '../../chaos/servers.ts'
import { makeAuthority, makeCertificate, makesCertificates } from '../../cluster/certificates.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'

// The forms of DATABASE_URL, against servers with and without TLS, by TCP and by a Unix socket. Skipped in containers,
// which have neither our socket nor our certificate.

const test = canReplicate && makesCertificates ? anyTest.serial : anyTest.serial.skip
const silent = openLog('test', 'silent')
const folder = await mkdtemp(join(tmpdir(), 'lk-'))

const giveToServer = async (file: string) => {
  const user = unprivilegedUser()
  if (user) await chown(join(folder, file), user.uid, user.gid)
}

const opened = async () => {
  await chmod(folder, 0o777)
  await makeAuthority(folder)
  for (const [file, name] of [
    ['right', 'IP:127.0.0.1'],
    ['other', 'DNS:db.example.com'],
  ] as const) {
    await makeCertificate(folder, file, name)
    await chmod(join(folder, `${file}.key`), 0o600)
    for (const end of ['crt', 'key']) await giveToServer(`${file}.${end}`)
  }
  const tls = (file: string) => [
    ...[
      'ssl=on',
      `ssl_cert_file=${join(folder, `${file}.crt`)}`,
      `ssl_key_file=${join(folder, `${file}.key`)}`,
    ],
  ]
  const [plain, right, other] = await Promise.all([
    openOwnPostgres([`unix_socket_directories=${folder}`]),
    openOwnPostgres(tls('right')),
    openOwnPostgres(tls('other')),
  ])
  return { plain, right, other }
}

const servers = canReplicate && makesCertificates ? await opened() : undefined
anyTest.after.always(async () => {
  for (const each of Object.values(servers ?? {})) await each[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

type Server = 'plain' | 'right' | 'other'
const urlOf = (server: Server): string => servers?.[server].url ?? ''

type Connection = { socket: boolean; ssl: boolean }

/** How the service connects to this URL. The pool and the reads must agree. */
const connectionOf = async (url: string): Promise<string> => {
  const connection = await findConnection(url, timeouts)
  const database = await openDatabase(connection, { log: silent, entities: [] })
  using reads = openPreparedReads(connection, silent)
  try {
    const text = `SELECT inet_server_addr() IS NULL AS socket, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS ssl`
    const rows: Connection[] = [
      ...(await database.query(text)),
      ...(await reads.run<Connection>({ name: 'connection', text }, [])),
    ]
    const kinds = rows.map(({ socket, ssl }) => (socket ? 'socket' : ssl ? 'TLS' : 'plain'))
    return [...new Set(kinds)].join(' and ')
  } finally {
    await database.destroy()
  }
}

const ca = `sslrootcert=${join(folder, 'ca.crt')}`
const unsupported = /does not support SSL/
const distrusted = /self.signed|unable to verify|unable to get local issuer/i
const wrongName = /does not match certificate/

const cases: [server: Server, parameters: string, expected: string | RegExp][] = [
  ['plain', '', 'plain'],
  ['plain', 'sslmode=disable', 'plain'],
  ['plain', 'sslmode=allow', 'plain'],
  ['plain', 'sslmode=prefer', 'plain'],
  ['plain', 'sslmode=require', unsupported],
  ['plain', 'sslmode=verify-full', unsupported],
  ['plain', 'sslmode=no-verify', unsupported],
  ['right', '', 'plain'],
  ['right', 'sslmode=allow', 'plain'],
  ['right', 'sslmode=prefer', 'TLS'],
  ['right', 'sslmode=require', distrusted],
  ['right', 'sslmode=require&uselibpqcompat=true', 'TLS'],
  ['right', 'sslmode=verify-full', distrusted],
  ['right', 'ssl=true', distrusted],
  ['right', 'sslmode=no-verify', 'TLS'],
  ['right', `sslmode=verify-full&${ca}`, 'TLS'],
  ['right', `sslmode=require&${ca}&channel_binding=require`, 'TLS'],
  ['right', `sslmode=verify-ca&${ca}`, 'TLS'],
  ['right', ca, 'TLS'],
  ['other', `sslmode=verify-full&${ca}`, wrongName],
  ['other', `sslmode=require&${ca}`, wrongName],
  ['other', `sslmode=verify-ca&${ca}`, 'TLS'],
  ['other', 'sslmode=verify-ca', distrusted],
  ['other', 'sslmode=prefer', 'TLS'],
]
const serverNames = { plain: 'without TLS', right: 'with TLS', other: 'with a certificate of another name' }

for (const [server, parameters, expected] of cases)
  test(`a server ${serverNames[server]}, ?${parameters.replaceAll(folder, '')} → ${expected}`, async t => {
    const url = `${urlOf(server)}?${parameters}`
    if (typeof expected === 'string') t.is(await connectionOf(url), expected)
    else await t.throwsAsync(connectionOf(url), { message: expected })
  })

const sockets = (): Record<string, string> => {
  const { port, password, pathname } = new URL(urlOf('plain'))
  const at = encodeURIComponent(folder)
  return {
    'host= and port=': `postgres://latchkey:${password}@${pathname}?host=${folder}&port=${port}`,
    'host= over a name': `postgres://latchkey:${password}@db.example.com${pathname}?host=${at}&port=${port}`,
    'an encoded folder': `postgres://latchkey:${password}@${at}:${port}${pathname}`,
    'a sslmode that sockets do not have': `postgres://latchkey:${password}@${at}:${port}${pathname}?sslmode=verify-full`,
  }
}

test('DATABASE_URL names a Unix socket in any form → the socket is used', async t => {
  for (const [form, url] of Object.entries(sockets())) t.is(await connectionOf(url), 'socket', form)
})

test('DATABASE_URL names a Unix socket → the service answers requests', async t => {
  const [databaseUrl = ''] = Object.values(sockets())
  await using world = await openLocalWorld({ servers: { databaseUrl } })
  const { access } = await anAccount(world.client)
  t.is((await world.client.get('me', { token: access })).status, 200)
})

test('a certificate file cannot be read → the error names the parameter, and the exit code is 78', async t => {
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const url = `${urlOf('right')}?sslmode=verify-full&${name}=/none/such`
    const error = await t.throwsAsync(connectionOf(url), {
      message: `The file that ${name} names cannot be read: ENOENT.`,
    })
    t.is((error as Error & { exitCode?: number }).exitCode, 78)
  }
})
