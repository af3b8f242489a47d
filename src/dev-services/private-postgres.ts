import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onFreePort } from '../platform/base/free-port.ts'
import type { PostgresPrograms } from './binaries.ts'
import { type DataDir, openDataDir, type Purpose, readSettings, saveSettings } from './data-dir.ts'
import { preparePostgres } from './init-postgres.ts'
import { probePostgres, queryOnce } from './probe.ts'
import { type Server, startServerProcess, untilServerReady } from './server-process.ts'

/** Settings of a Postgres for tests: it may lose its data in a crash, and serves many test files at once. */
export const testPostgresOptions = [
  'fsync=off',
  'full_page_writes=off',
  'max_connections=300',
  'wal_level=minimal',
  'max_wal_senders=0',
  'checkpoint_timeout=1h',
  'max_wal_size=256MB',
  'autovacuum=off',
  'jit=off',
].flatMap(option => ['-c', option])

/**
 * Starts a private Postgres on 127.0.0.1 with a free port, a generated password and no Unix socket. The URL holds its
 * superuser and the database `latchkey`. `dev` keeps data, port and password for the next start; `test` removes them.
 */
export const startPrivatePostgres = async (
  purpose: Purpose,
  candidates: PostgresPrograms[],
): Promise<Server> => {
  await using stack = new AsyncDisposableStack()
  const dataDir = await openDataDir(purpose, 'postgres')
  if (dataDir.temporary) stack.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  const settings = await readSettings(dataDir, 'postgres')
  const { folder, major } = await preparePostgres(dataDir, settings, candidates)

  const { child, port } = await onFreePort(settings.port, async port => {
    await using starting = new AsyncDisposableStack()
    const child = starting.use(
      startServerProcess(
        {
          command: join(folder, 'postgres'),
          args: postgresArgs(dataDir, port),
          cwd: dataDir.path,
          runAs: dataDir.runAs,
          stopSignals: ['SIGINT', 'SIGQUIT'],
          remove: dataDir.temporary ? dataDir.base : undefined,
        },
        join(dataDir.base, 'postgres.log'),
      ),
    )
    await untilServerReady('Postgres', () => probePostgres(urlOf(settings.password, port, 'postgres')), child)
    starting.move()
    return { child, port }
  })
  stack.use(child)
  await saveSettings(dataDir, 'postgres', { ...settings, port })
  await ensureDatabase(urlOf(settings.password, port, 'postgres'))
  const resources = stack.move()
  return {
    url: urlOf(settings.password, port, 'latchkey'),
    description: `private Postgres ${major} on port ${port}, ${dataDir.temporary ? 'removed at the end' : `data in ${dataDir.path}`}`,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

const postgresArgs = ({ path, temporary }: DataDir, port: number): string[] => [
  '-D',
  path,
  '-p',
  String(port),
  '-c',
  'listen_addresses=127.0.0.1',
  '-c',
  'unix_socket_directories=',
  ...(temporary ? testPostgresOptions : []),
]

const urlOf = (password: string, port: number, database: string): string =>
  `postgres://latchkey:${password}@127.0.0.1:${port}/${database}`

const ensureDatabase = async (adminUrl: string): Promise<void> => {
  const found = await queryOnce(adminUrl, `SELECT 1 FROM pg_database WHERE datname = 'latchkey'`)
  if (found.length === 0) await queryOnce(adminUrl, 'CREATE DATABASE latchkey')
}
