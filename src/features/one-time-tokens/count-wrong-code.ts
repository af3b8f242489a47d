import type { Deps } from '../../deps.ts'
import { manyWrongCodes } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import type { Taken } from '../../platform/limits/store.ts'

type Needs = Pick<Deps, 'limiter' | 'log' | 'metrics'>

/**
 * Compares a mailed code, and counts wrong ones over all accounts. Limits of one account do not stop a guesser who has
 * many accounts to try. After `code_service` wrong codes in its window every code is refused, without a comparison and
 * without a cost to its account, until the window ends. Links go on working. A code counts before it is compared, so
 * that guesses at once cannot pass together. It counts no more where it was right, or could not have been.
 */
export const countWrongCode = async <Found extends object>(
  deps: Needs,
  purpose: CodePurpose,
  compare: () => Promise<Found | 'wrong' | null>,
): Promise<Found | null> => {
  const taken = await deps.limiter('code_service', 'all')
  const isClosed = taken?.allowed === false
  const found = isClosed ? null : await compare()
  if (found === 'wrong') tell(deps, taken)
  // Not awaited: a wrong code gives nothing back, so the wait would show that no code is live for an address.
  else taken?.giveBack().catch(err => deps.log.warn({ err }, 'a code that was not wrong stays counted'))
  if (found !== null && found !== 'wrong') return found
  const reason = isClosed ? 'closed' : found === 'wrong' ? 'wrong' : 'no_code'
  deps.metrics.count(counters.codes_refused, { purpose, reason })
  return null
}

/** One line for each mark that the count passes, on the instance where it does. */
const tell = ({ log, metrics }: Needs, taken: Taken | null): void => {
  if (!taken) return
  const { points, window, remaining, resetIn } = taken
  const count = points - remaining
  const about = { wrong_codes: count, limit: points, window_ms: window, ends_in_ms: resetIn }
  if (count === Math.ceil(points * manyWrongCodes))
    log.warn(about, 'many mailed codes were wrong: somebody may be guessing')
  if (remaining > 0) return
  metrics.count(counters.codes_closed)
  log.error(about, 'mailed codes are closed: too many were wrong. Links go on working.')
}
