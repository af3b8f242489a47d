import { randomBytes, randomUUID } from 'node:crypto'
import { Secret } from 'otpauth'
import { newRecoveryCodes, recoveryCodeHash } from '../../../src/features/factors/recovery-codes.ts'
import { seal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import type { Account } from '../../fixtures.ts'
import { testSecret } from '../../template.ts'
import { totpOf } from '../../totp.ts'
import type { World } from '../../world.ts'

const secrets = deriveSecrets([testSecret])
const period = 30_000

/**
 * Gives a user an authenticator app and recovery codes, without the routes that add them: the user's sessions stay, and have
 * one factor. `nextCode` returns a code that the app has not shown before.
 */
export const giveFactors = async (
  { sql, clock }: Pick<World, 'sql' | 'clock'>,
  { userId }: Pick<Account, 'userId'>,
) => {
  const insert = async (type: string, secret: Uint8Array): Promise<string> => {
    const id = randomUUID()
    await sql(
      `INSERT INTO factors (id, user_id, type, name, sealed_secret, last_step, confirmed_at)
       VALUES ($1, $2, $3, $3, $4, 0, now())`,
      [id, userId, type, seal(secrets, secret, id)],
    )
    return id
  }
  const [seed, key] = [randomBytes(20), randomBytes(32)]
  await insert('totp', seed)
  const recoveryCodes = newRecoveryCodes()
  await sql('INSERT INTO recovery_codes (factor_id, hash) SELECT $1, unnest($2::text[])', [
    await insert('recovery_codes', key),
    recoveryCodes.map(code => recoveryCodeHash(key, code)),
  ])
  const { base32 } = new Secret({ buffer: Uint8Array.from(seed).buffer })
  let latest = 0
  const nextCode = (): string => {
    const step = Math.floor((Date.now() + clock.shift) / period)
    latest = Math.max(step - 1, latest + 1)
    return totpOf(base32, latest * period)
  }
  const wrongCode = (): string => {
    const step = Math.floor((Date.now() + clock.shift) / period)
    const right = [-2, -1, 0, 1, 2, 3].map(i => totpOf(base32, (step + i) * period))
    return ['000000', '000001', '000002', '000003', '000004', '000005', '000006'].find(
      code => !right.includes(code),
    ) as string
  }
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
