import { readConfig } from '../../config.ts'
import { loadEntities } from '../../modules.ts'
import type { Config, ProcessName } from '../../platform/config/config.ts'
import type { CommandDeps, Needs } from './command.ts'
import type { Io } from './io.ts'

type Opener<N extends Needs> = {
  /** The process of the service that requires the same variables. */
  as: ProcessName
  open: (config: Config, io: Io) => Promise<CommandDeps[N] & AsyncDisposable>
}

// Modules are imported when they are needed: the drivers of Postgres and Redis take longer to load than most commands take
// to run, and help needs none of them.

// Logs go to standard error, so that standard output holds only the result of the command.
const openCommandLog = async ({ stderr }: Io) => {
  const { openLog } = await import('../../platform/base/log.ts')
  return openLog('command', 'error', stderr)
}

const openers: { [N in Needs]: Opener<N> } = {
  configuration: { as: 'worker', open: async config => ({ config, [Symbol.asyncDispose]: async () => {} }) },
  database: {
    as: 'migrate',
    open: async (config, io) => {
      const entities = await loadEntities()
      const { checkSchema } = await import('../../platform/postgres/check-database.ts')
      const { deriveSecrets } = await import('../../platform/crypto/secrets.ts')
      const { openPostgres } = await import('../../platform/postgres/postgres.ts')
      const log = await openCommandLog(io)
      await using opened = new AsyncDisposableStack()
      const database = await openPostgres({
        url: config.DATABASE_URL,
        entities,
        log,
        poolSize: 2,
        ...(io.timeouts && { timeouts: io.timeouts }),
      })
      opened.defer(() => database.destroy())
      await checkSchema(database)
      const resources = opened.move()
      return {
        config,
        clock: { shift: 0 },
        log,
        secrets: deriveSecrets(config.APP_SECRET),
        database,
        readFromReplica: run => run(database.manager),
        [Symbol.asyncDispose]: () => resources.disposeAsync(),
      }
    },
  },
  everything: {
    as: 'api',
    open: async (config, io) => {
      const { open } = await import('../../open.ts')
      return open(config, await openCommandLog(io), undefined, io.timeouts)
    },
  },
}

/** Opens only what a command needs, or returns the errors of the configuration. */
export const openCommandDeps = async (
  needs: Needs,
  io: Io,
): Promise<AsyncDisposable | { errors: string[] }> => {
  const { as, open } = openers[needs]
  const read = readConfig(io.env, as)
  return 'errors' in read ? read : open(read.config, io)
}
