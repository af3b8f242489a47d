import { configOrExit } from '../base/config.ts'
import { openLog } from '../base/log.ts'
import { open } from '../deps.ts'
import { entities } from '../entities.ts'
import { openPostgres } from '../storage/postgres.ts'
import type { Given, Needs } from './command.ts'

// Standard output carries what a command answers, and nothing else.
const log = () => openLog('command', 'error', process.stderr)

const openers: { [N in Needs]: () => Promise<Given[N] & AsyncDisposable> } = {
  configuration: async () => ({ config: configOrExit('worker'), [Symbol.asyncDispose]: async () => {} }),
  database: async () => {
    const config = configOrExit('migrate')
    const given = { config, clock: { shift: 0 }, log: log() }
    const database = await openPostgres({ url: config.DATABASE_URL, entities, log: given.log, poolSize: 2 })
    return {
      ...given,
      database,
      staleRead: run => run(database.manager),
      [Symbol.asyncDispose]: () => database.destroy(),
    }
  },
  everything: () => open(configOrExit('api'), log()),
}

/** Opens what a command needs, and no more. Ends the process with 78 where the configuration is wrong. */
export const openGiven = (needs: Needs): Promise<AsyncDisposable> => openers[needs]()
