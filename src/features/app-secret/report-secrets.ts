import { randomUUID } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { findListsInUse, reportEveryMs, reportList, withdrawList } from './store.ts'

type Needs = Pick<Deps, 'redis' | 'keys' | 'secrets' | 'log'>

/** A process without the current secret of this one refuses the refresh tokens that this one issues. */
const warnOfMissingSecret = async (deps: Needs): Promise<void> => {
  const lists = await findListsInUse(deps)
  if (lists.some(({ ids }) => !ids.includes(deps.secrets.current.id)))
    deps.log.warn(
      'a running process does not have the first secret of APP_SECRET: it refuses refresh tokens of this process. Add the secret there first. See docs/change-app-secret.md',
    )
}

/**
 * Reports to all instances which secrets this process uses, by their ids, until disposed. So nothing is sealed under a
 * secret that a running process does not have, and `latchkey secrets status` shows how far a change of APP_SECRET is.
 */
export const reportSecrets = (deps: Needs): AsyncDisposable => {
  const ids = deps.secrets.all.map(({ id }) => id)
  const processId = randomUUID()
  const onError = (err: unknown) => deps.log.debug({ err }, 'the secrets in use were not reported')
  const report = () => reportList(deps, ids, processId).catch(onError)
  report()
    .then(() => warnOfMissingSecret(deps))
    .catch(onError)
  const timer = setInterval(report, reportEveryMs).unref()
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await withdrawList(deps, ids, processId).catch(onError)
    },
  }
}
