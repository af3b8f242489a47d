import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataDir } from '../../src/dev-services/data-dir.ts'
import { probePostgres } from '../../src/dev-services/probe.ts'
import { startServerProcess, untilServerReady } from '../../src/dev-services/server-process.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { pgBouncer } from '../pgbouncer.ts'
import type { OwnServer } from './servers.ts'

export type PgBouncer = AsyncDisposable & {
  /** The URL of a database of the Postgres behind it. */
  urlOf: (database: string) => string
}

/** Starts a PgBouncer in front of a Postgres. `settings` are lines of `pgbouncer.ini`. */
export const openPgBouncer = async (postgres: OwnServer, settings: string[]): Promise<PgBouncer> => {
  if (!pgBouncer) throw new Error('pgbouncer is not installed')
  const { username, password } = new URL(postgres.url)
  const dataDir = await openDataDir('test', 'postgres')
  await using opening = new AsyncDisposableStack()
  opening.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  // The folder belongs to the user that PgBouncer runs as: it does not run as root.
  const [users, config] = [join(dataDir.base, 'users.txt'), join(dataDir.base, 'pgbouncer.ini')]
  await writeFile(users, `"${username}" "${password}"\n`, { mode: 0o644 })
  const { urlOf, child } = await onFreePort(undefined, async port => {
    const lines = [
      ...['[databases]', `* = host=${postgres.peer.host} port=${postgres.peer.port}`, '[pgbouncer]'],
      ...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir =', `auth_file = ${users}`],
      ...['auth_type = scram-sha-256', 'max_client_conn = 500', ...settings, ''],
    ]
    await writeFile(config, lines.join('\n'), { mode: 0o644 })
    await using starting = new AsyncDisposableStack()
    const child = starting.use(
      startServerProcess(
        {
          ...{ command: pgBouncer ?? '', args: [config], cwd: dataDir.path, runAs: dataDir.runAs },
          ...{ stopSignals: ['SIGTERM', 'SIGKILL'], remove: dataDir.base },
        },
        join(dataDir.base, 'pgbouncer.log'),
      ),
    )
    const urlOf = (database: string) => `postgres://${username}:${password}@127.0.0.1:${port}/${database}`
    await untilServerReady('PgBouncer', () => probePostgres(urlOf('postgres')), child)
    starting.move()
    return { urlOf, child }
  })
  opening.use(child)
  const kept = opening.move()
  return { urlOf, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
