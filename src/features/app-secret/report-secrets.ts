import { randomUUID } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { reportEveryMs, reportList, withdrawList } from './store.ts'

/**
 * Reports to all instances which secrets this process uses, by their ids, until disposed. So nothing is sealed under a
 * secret that a running process does not have, and `latchkey secrets status` shows how far a change of APP_SECRET is.
 */
export const reportSecrets = (deps: Pick<Deps, 'redis' | 'keys' | 'secrets' | 'log'>): AsyncDisposable => {
  const ids = deps.secrets.all.map(({ id }) => id)
  const processId = randomUUID()
  const onError = (err: unknown) => deps.log.debug({ err }, 'the secrets in use were not reported')
  const report = () => reportList(deps, ids, processId).catch(onError)
  report()
  const timer = setInterval(report, reportEveryMs).unref()
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await withdrawList(deps, ids, processId).catch(onError)
    },
  }
}
