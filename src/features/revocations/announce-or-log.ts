import type { Deps } from '../../deps.ts'
import { announce } from './store.ts'
import type { Ending } from './types.ts'

/** Adds an end that Postgres knows, or will know, to the feed. A failure is only logged: the worker adds it to the feed later. */
export const announceOrLog = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'redis' | 'keys'>,
  ending: Ending,
): Promise<void> => {
  await announce(deps, ending).catch(err =>
    deps.log.warn({ err }, 'the feed of revocations was not written: the worker tries again'),
  )
}
