import { type Config, type ProcessName, readConfig } from '../../platform/config/config.ts'
import type { Given, Needs } from './command.ts'
import type { Io } from './io.ts'

type Opener<N extends Needs> = {
  /** The process of the service that needs the same variables. */
  as: ProcessName
  open: (config: Config, io: Io) => Promise<Given[N] & AsyncDisposable>
}

// The drivers of Postgres and Redis take longer to load than most commands to run. Help and misuse need none of them.

// Standard output carries what a command answers, and nothing else.
const openCommandLog = async ({ stderr }: Io) => {
  const { openLog } = await import('../../platform/base/log.ts')
  return openLog('command', 'error', stderr)
}

const openers: { [N in Needs]: Opener<N> } = {
  configuration: { as: 'worker', open: async config => ({ config, [Symbol.asyncDispose]: async () => {} }) },
  database: {
    as: 'migrate',
    open: async (config, io) => {
      const { entities } = await import('../../entities.ts')
      const { checkSchema } = await import('../../platform/postgres/check-database.ts')
      const { openPostgres } = await import('../../platform/postgres/postgres.ts')
      const log = await openCommandLog(io)
      await using opened = new AsyncDisposableStack()
      const database = await openPostgres({ url: config.DATABASE_URL, entities, log, poolSize: 2 })
      opened.defer(() => database.destroy())
      await checkSchema(database)
      const all = opened.move()
      return {
        ...{ config, clock: { shift: 0 }, log, database },
        readFromReplica: run => run(database.manager),
        [Symbol.asyncDispose]: () => all.disposeAsync(),
      }
    },
  },
  everything: {
    as: 'api',
    open: async (config, io) => {
      const { open } = await import('../../deps.ts')
      return open(config, await openCommandLog(io), undefined, io.within)
    },
  },
}

/** Opens what a command needs, and no more; or says what is wrong with the configuration. */
export const openGiven = async (needs: Needs, io: Io): Promise<AsyncDisposable | { errors: string[] }> => {
  const { as, open } = openers[needs]
  const read = readConfig(io.env, as)
  return 'errors' in read ? read : open(read.config, io)
}
