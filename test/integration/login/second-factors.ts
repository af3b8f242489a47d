import { randomBytes } from 'node:crypto'
import { Secret } from 'otpauth'
import { v7 as uuid } from 'uuid'
import { newRecoveryCodes, recoveryCodeHash } from '../../../src/features/factors/recovery-codes.ts'
import { seal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { testSecret } from '../../template.ts'
import { hasDistinctCodes, totpOf, wrongCodeAt } from '../../totp.ts'
import { aDevice } from '../lockout/unknown-devices.ts'

// Users with second factors, stored by SQL: no flow that adds a factor runs, so no session ends.

type Service = {
  client: Client
  clock: { shift: number }
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>
}

const secrets = deriveSecrets([testSecret])

const insertFactor = async ({ sql }: Pick<Service, 'sql'>, userId: string, type: string, secret: Buffer) => {
  const id = uuid()
  await sql(
    `INSERT INTO factors (id, user_id, type, name, sealed_secret, last_step, confirmed_at)
      VALUES ($1, $2, $3, $3, $4, 0, now())`,
    [id, userId, type, seal(secrets, secret, id)],
  )
  return id
}

/** Gives a user an authenticator app. Returns its secret. */
export const addTotp = async (service: Pick<Service, 'sql' | 'clock'>, userId: string): Promise<string> => {
  let seed: Buffer
  let secret: string
  do {
    seed = randomBytes(20)
    secret = new Secret({ buffer: Uint8Array.from(seed).buffer }).base32
  } while (!hasDistinctCodes(secret, Date.now() + service.clock.shift))
  await insertFactor(service, userId, 'totp', seed)
  return secret
}

/** Gives a user ten recovery codes. */
export const addRecoveryCodes = async (service: Pick<Service, 'sql'>, userId: string): Promise<string[]> => {
  const key = randomBytes(32)
  const id = await insertFactor(service, userId, 'recovery_codes', key)
  const codes = newRecoveryCodes()
  const hashes = codes.map(code => recoveryCodeHash(key, code))
  await service.sql('INSERT INTO recovery_codes (factor_id, hash) SELECT $1, unnest($2::text[])', [
    id,
    hashes,
  ])
  return codes
}

export type MfaUser = Account & {
  /** The headers of the device that registered the account, and has not signed in. */
  laptop: Record<string, string>
  /** The code that the app shows `steps` steps of 30 s from now. */
  code: (steps?: number) => string
  wrongCode: () => string
  recoveryCodes: string[]
}

/** A user with an authenticator app and recovery codes. */
export const aUserWithTotp = async (service: Service): Promise<MfaUser> => {
  const account = await anAccount(service.client)
  // The first verification of an address removes factors that were added before it.
  await service.sql('UPDATE users SET email_verified = true WHERE id = $1', [account.userId])
  const secret = await addTotp(service, account.userId)
  const recoveryCodes = await addRecoveryCodes(service, account.userId)
  const code = (steps = 0) => totpOf(secret, Date.now() + service.clock.shift + steps * 30_000)
  const wrongCode = () => wrongCodeAt(secret, Date.now() + service.clock.shift)
  return { ...account, laptop: aDevice(), code, wrongCode, recoveryCodes }
}

/** The first step of a sign-in. */
export const firstStep = (
  client: Client,
  { email }: { email: string },
  headers = aDevice(),
): Promise<Reply> => client.post('login', { email, password }, { headers })

/** Passes the first step of a sign-in. Returns the token for the second one. */
export const mfaTokenOf = async (
  client: Client,
  user: { email: string },
  headers = aDevice(),
): Promise<string> => {
  const { status, body } = await firstStep(client, user, headers)
  if (status !== 403 || body.code !== 'MFA_REQUIRED') throw new Error(`login answered ${status} ${body.code}`)
  return body.mfa_token
}

/** The second step of a sign-in. */
export const secondStep = (
  client: Client,
  mfa_token: string,
  evidence: Record<string, unknown>,
  headers = aDevice(),
): Promise<Reply> => client.post('login/mfa', { mfa_token, ...evidence }, { headers })

/** The claims of an access token. */
export const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )
