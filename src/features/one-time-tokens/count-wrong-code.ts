import type { Deps } from '../../deps.ts'
import { limits, manyWrongCodes } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import type { CodePurpose } from '../../platform/catalog/token-purposes.ts'
import type { Taken } from '../../platform/limits/limiter.ts'

type Needs = Pick<Deps, 'limiter' | 'log' | 'metrics'>

/**
 * Compares an emailed code, and counts wrong codes over all accounts: limits of one account do not stop an attacker who
 * tries codes of many accounts. After `code_service` wrong codes in its window, every code is refused until the window
 * ends, without a comparison and without a cost to its account. Links still work.
 *
 * A code is counted before it is compared, so that simultaneous guesses cannot pass the limit together. The count is
 * refunded if the code was right, or if no code was live.
 */
export const countWrongCode = async <Found extends object>(
  deps: Needs,
  purpose: CodePurpose,
  compare: () => Promise<Found | 'wrong' | null>,
): Promise<Found | null> => {
  const taken = await deps.limiter(limits.code_service, 'all')
  const isClosed = taken?.allowed === false
  const found = isClosed ? null : await compare()
  if (found === 'wrong') logThreshold(deps, taken)
  // Not awaited: a wrong code is not refunded, so the wait would reveal that no code is live for an address.
  else taken?.refund().catch(err => deps.log.warn({ err }, 'could not refund a code attempt'))
  if (found !== null && found !== 'wrong') return found
  const reason = isClosed ? 'closed' : found === 'wrong' ? 'wrong' : 'no_code'
  deps.metrics.count(counters.codes_refused, { purpose, reason })
  return null
}

/** Logs once at each threshold, on the instance whose request reaches it. */
const logThreshold = ({ log, metrics }: Needs, taken: Taken | null): void => {
  if (!taken) return
  const { points, window, remaining, resetIn } = taken
  const count = points - remaining
  const details = { wrong_codes: count, limit: points, window_ms: window, ends_in_ms: resetIn }
  if (count === Math.ceil(points * manyWrongCodes))
    log.warn(details, 'many emailed codes were wrong: an attacker may be guessing them')
  if (remaining > 0) return
  metrics.count(counters.codes_closed)
  log.error(details, 'all emailed codes are refused: too many were wrong. Links still work.')
}
