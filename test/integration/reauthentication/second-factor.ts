import type { Account } from '../../fixtures.ts'
import { totpOf, wrongCodeAt } from '../../totp.ts'
import type { World } from '../../world.ts'
import { addRecoveryCodes, addTotp } from '../login/second-factors.ts'

const period = 30_000

/**
 * Gives a user an authenticator app and recovery codes, without the routes that add them: the user's sessions stay, and have
 * one factor. `nextCode` returns a code that the app has not shown before.
 */
export const giveFactors = async (
  { sql, clock }: Pick<World, 'sql' | 'clock'>,
  { userId }: Pick<Account, 'userId'>,
) => {
  const secret = await addTotp({ sql, clock }, userId)
  const recoveryCodes = await addRecoveryCodes({ sql }, userId)
  let latest = 0
  const nextCode = (): string => {
    const step = Math.floor((Date.now() + clock.shift) / period)
    latest = Math.max(step - 1, latest + 1)
    return totpOf(secret, latest * period)
  }
  const wrongCode = (): string => wrongCodeAt(secret, Date.now() + clock.shift)
  return { nextCode, wrongCode, recoveryCodes }
}

/** The claims of an access token. */
export const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )

/** The challenge of RFC 9470 with these parameters. */
export const challengeOf = (wanted: Record<string, string>): string =>
  [
    'Bearer realm="latchkey", error="insufficient_user_authentication"',
    'error_description="The user must authenticate again"',
    ...Object.entries(wanted).map(([name, value]) => `${name}="${value}"`),
  ].join(', ')
