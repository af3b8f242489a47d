import { createHmac } from 'node:crypto'
import type { Client } from './client.ts'

// An authenticator app: RFC 6238 with SHA-1, six digits and 30 seconds. It shares no code with the service.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The bytes of a secret. */
export const seedOf = (base32: string): Buffer => {
  const bits = [...base32].map(letter => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)))
}

/** The code that an app with this secret shows at a time in milliseconds. Steps are 30,000 ms long. */
export const totpOf = (secret: string, time: number): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)))
  const mac = createHmac('sha1', seedOf(secret)).update(counter).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0')
}

const nearCodes = (secret: string, time: number): string[] =>
  [-2, -1, 0, 1, 2, 3].map(steps => totpOf(secret, time + steps * 30_000))

/**
 * Whether the codes around this time differ. One secret in 70,000 shows a code twice: then a code that was used passes again,
 * as that of another step.
 */
export const hasDistinctCodes = (secret: string, time: number): boolean => {
  const codes = nearCodes(secret, time)
  return new Set(codes).size === codes.length
}

/** A code that the app shows neither at this time nor within a minute of it. */
export const wrongCodeAt = (secret: string, time: number): string => {
  const near = nearCodes(secret, time)
  const codes = Array.from({ length: 7 }, (_, i) => String(i).padStart(6, '0'))
  return codes.find(code => !near.includes(code)) ?? ''
}

export type App = { id: string; secret: string; recoveryCodes: string[] | null }

/**
 * Sets up an authenticator app in a session that is fresh. Throws if that fails. `time` is that of the service: its code is used
 * up by this. The code of `time + 30_000` passes at once.
 */
export const anApp = async (client: Client, token: string, time = Date.now()): Promise<App> => {
  let id = ''
  let secret = ''
  do {
    const started = await client.send('POST', 'factors/totp', { token })
    if (started.status !== 201) throw new Error(`factors/totp answered ${started.text}`)
    ;({ id, secret } = started.body)
  } while (!hasDistinctCodes(secret, time))
  const confirmed = await client.post('factors/totp/confirm', { code: totpOf(secret, time) }, { token })
  if (confirmed.status !== 200) throw new Error(`factors/totp/confirm answered ${confirmed.text}`)
  return { id, secret, recoveryCodes: confirmed.body.recovery_codes ?? null }
}
