import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onFreePort } from '../platform/base/free-port.ts'
import type { PostgresPrograms } from './binaries.ts'
import { type Server, startChild, untilReady } from './child.ts'
import { keepSettings, openPlace, type Purpose, readSettings } from './data-dir.ts'
import { preparePostgres } from './init-postgres.ts'
import { probePostgres, queryOnce } from './probe.ts'

/** What a Postgres for tests may do: lose its data with the machine, and serve many test files at once. */
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
 * Starts a Postgres of our own on 127.0.0.1: its own port, a made-up password, no other way in. The url
 * names the database `latchkey` and its superuser. `dev` keeps data, port and password; `test` keeps nothing.
 */
export const startPrivatePostgres = async (
  purpose: Purpose,
  candidates: PostgresPrograms[],
): Promise<Server> => {
  await using stack = new AsyncDisposableStack()
  const place = await openPlace(purpose, 'postgres')
  if (place.temporary) stack.defer(() => rm(place.base, { recursive: true, force: true }))
  const settings = await readSettings(place, 'postgres')
  const { folder, major } = await preparePostgres(place, settings, candidates)

  const { child, port } = await onFreePort(settings.port, async port => {
    await using starting = new AsyncDisposableStack()
    const child = starting.use(
      startChild(
        {
          command: join(folder, 'postgres'),
          args: [
            ...['-D', place.data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
            ...['-c', 'unix_socket_directories=', ...(place.temporary ? testPostgresOptions : [])],
          ],
          cwd: place.data,
          runAs: place.runAs,
          stopSignals: ['SIGINT', 'SIGQUIT'],
          remove: place.temporary ? place.base : undefined,
        },
        join(place.base, 'postgres.log'),
      ),
    )
    await untilReady('Postgres', () => probePostgres(urlOf(settings.password, port, 'postgres')), child)
    starting.move()
    return { child, port }
  })
  stack.use(child)
  await keepSettings(place, 'postgres', { ...settings, port })
  await ensureDatabase(urlOf(settings.password, port, 'postgres'))
  const kept = stack.move()
  return {
    url: urlOf(settings.password, port, 'latchkey'),
    how: `private Postgres ${major} on port ${port}, ${place.temporary ? 'thrown away at the end' : `data in ${place.data}`}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

const urlOf = (password: string, port: number, database: string): string =>
  `postgres://latchkey:${password}@127.0.0.1:${port}/${database}`

const ensureDatabase = async (adminUrl: string): Promise<void> => {
  const found = await queryOnce(adminUrl, `SELECT 1 FROM pg_database WHERE datname = 'latchkey'`)
  if (found.length === 0) await queryOnce(adminUrl, 'CREATE DATABASE latchkey')
}
