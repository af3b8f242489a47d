import { randomBytes } from 'node:crypto'
import { plainCode } from '../../platform/base/copied-text.ts'
import { sameBytes } from '../../platform/crypto/derive.ts'

// Time-based one-time passwords (RFC 6238) as every authenticator app computes them: SHA-1, six digits, steps of 30 seconds.

const period = 30
const digits = 6
const algorithm = 'SHA1'

/** How many authenticator apps a user may have. */
export const maxTotpFactors = 5

/** How long a seed waits for its first code, in milliseconds. */
export const pendingTotpLife = 600_000

/** The challenge that counts the guesses at the first code of a seed. It belongs to the session that got the seed. */
export const totpChallenge = (factorId: string, sessionId: string) =>
  ({ kind: 'totp', secret: Buffer.from(`${factorId} ${sessionId}`) }) as const

/** A seed of 160 random bits, the length that RFC 4226 recommends. */
export const newSeed = (): Buffer => randomBytes(20)

/** The time step of a time in milliseconds. */
export const stepAt = (time: number): number => Math.floor(time / (period * 1000))

/**
 * The time step whose code this is, or null: the current step or a neighbour, because clocks of phones differ. Only a step
 * after `lastStep` counts, so that a code passes once. Compares with every code, so that the time does not depend on which
 * one fits.
 */
export const matchingStep = async (
  seed: Uint8Array,
  code: string,
  { time, lastStep }: { time: number; lastStep: number },
): Promise<number | null> => {
  const { HOTP, Secret } = await import('otpauth')
  const secret = new Secret({ buffer: Uint8Array.from(seed).buffer })
  const typed = Buffer.from(code.length > 64 ? '' : plainCode(code))
  const step = stepAt(time)
  const matching = [step - 1, step, step + 1].filter(counter =>
    sameBytes(typed, Buffer.from(HOTP.generate({ secret, algorithm, digits, counter }))),
  )
  return matching.find(counter => counter > lastStep) ?? null
}

/** The seed as a person types it into an app, and as the address that a QR code shows. */
export const describeSeed = async (
  seed: Uint8Array,
  { issuer, label }: { issuer: string; label: string },
): Promise<{ secret: string; uri: string; svg: string }> => {
  const [{ Secret, TOTP }, { renderSVG }] = await Promise.all([import('otpauth'), import('uqr')])
  const secret = new Secret({ buffer: Uint8Array.from(seed).buffer })
  // A colon separates the issuer from the label. A longer issuer could exceed what a QR code holds.
  const name = [...issuer.replaceAll(':', ' ')].slice(0, 64).join('')
  const uri = new TOTP({ issuer: name, label, algorithm, digits, period, secret }).toString()
  // Scanners need an empty border of four modules.
  return { secret: secret.base32, uri, svg: renderSVG(uri, { ecc: 'M', border: 4 }) }
}
