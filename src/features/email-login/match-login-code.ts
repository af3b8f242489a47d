import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { configuredLimit, limits } from '../../platform/catalog/limits.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { sameBytes } from '../../platform/crypto/derive.ts'
import { emailSecrets, readOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { keysOfSecret } from '../../platform/crypto/secrets.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type Challenge, guessChallenge, refundGuess as refundTry } from '../challenges/store.ts'
import { findRequestDevice, type RequestDevice } from '../devices/find-request-device.ts'
import type { User } from '../users/entity.ts'
import { findUserByEmail } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'
import { guessCounter } from './guess-counter.ts'
import { loginTokens } from './login-token.ts'
import { countGuess, refundGuess } from './store.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'log' | 'metrics' | 'secrets' | 'database' | 'reads'> &
  Pick<Deps, 'redis' | 'keys'>

/** What a client presents besides its token: the code of the email, or the token of its link. */
export type PresentedCode = { code: string } | { token: string }

type Match = { user: User; emailId: string; device: RequestDevice }

const { purpose, lifetime } = emails.login_code.token

/**
 * Compares a code, or the token of a link, with that of the email that the client asked for. Consumes nothing. Returns 'wrong'
 * if it differs, and null if there is nothing to compare with, or no guess is left.
 *
 * An address without an account takes the same path: the same queries, the same counters, one event.
 */
export const matchLoginCode = async (
  deps: Needs,
  { loginToken, presented, origin }: Attempt,
): Promise<Match | 'wrong' | null> => {
  const { perCode, perDay } = guessLimits(deps)
  const secret = loginTokens.read(loginToken)
  const id = secret && ({ kind: 'email_login', secret } as const)
  const challenge = id && (await guessChallenge(deps, id, perCode))
  if (!challenge) return null
  const { row, user, device, counter } = await findCompared(deps, challenge, origin).catch(async error => {
    // A store that fails must not use up the guesses of a user who tries again.
    await refundTry(deps, id).catch(() => {})
    throw error
  })
  const isAllowed = 'token' in presented || (await countGuess(deps, counter, perDay))
  const isRight = isAllowed && row !== null && matches(deps, row, presented)
  const isLive = row !== null && user !== null && isActive(user) && isValid(deps, row)
  if (isRight && isLive) {
    await Promise.all([refundTry(deps, id), 'code' in presented && refundGuess(deps, counter)])
    return { user, emailId: row.id, device }
  }
  deps.metrics.count(counters.logins_failed)
  const data = { email_id: challenge.email_id, amr: ['email'] }
  await recordEvent(deps.database.manager, { type: 'login.failed', userId: user?.id ?? null, origin, data })
  return isLive && isAllowed ? 'wrong' : null
}

/** What a code is compared with, and the counter of its guess. */
const findCompared = async (
  deps: Needs,
  { email_id: emailId = '', account = '' }: Challenge,
  origin: Attempt['origin'],
) => {
  const row = await findRow(deps, emailId)
  const user = await findUserByEmail(deps.reads, row?.recipient ?? '')
  const device = await findRequestDevice(deps, user?.id ?? account, origin)
  return { row, user, device, counter: guessCounter({ user, account, device }) }
}

type Attempt = { loginToken: string; presented: PresentedCode; origin: Origin & { network: string } }

type Row = Pick<Email, 'id' | 'recipient' | 'status' | 'secret_id' | 'proof_spent_at'> & { age: string }

const findRow = async ({ database }: Needs, emailId: string): Promise<Row | null> => {
  const rows: Row[] = await database.query(
    `SELECT id, recipient, status, secret_id, proof_spent_at, extract(epoch FROM now() - created_at) * 1000 AS age
       FROM emails WHERE id = $1 AND kind = $2`,
    [emailId, emails.login_code.kind],
  )
  return rows[0] ?? null
}

/** Whether the code can still be used: the email was sent, is young enough, and its token was neither used nor revoked. */
const isValid = ({ clock, secrets }: Needs, row: Row): boolean =>
  row.status !== 'dropped' &&
  row.proof_spent_at === null &&
  keysOfSecret(secrets, row.secret_id) !== undefined &&
  Number(row.age) + clock.shift < lifetime

const matches = ({ secrets }: Needs, { id, secret_id }: Row, presented: PresentedCode): boolean => {
  const { mail } = keysOfSecret(secrets, secret_id) ?? secrets.current
  const { secret, code } = emailSecrets(mail, purpose, id)
  if ('code' in presented) return sameBytes(Buffer.from(code), Buffer.from(presented.code))
  const read = readOneTimeToken(presented.token)
  return read !== null && sameBytes(secret, read.secret)
}

const guessLimits = ({ config }: Needs) => {
  const code = configuredLimit(config.RATE_LIMITS, limits.code)
  const { points, window } = configuredLimit(config.RATE_LIMITS, limits.code_day)
  return { perCode: code.points, perDay: { atMost: points, window } }
}
