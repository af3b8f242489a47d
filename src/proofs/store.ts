import type { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { ProofPurpose } from '../base/emails.ts'
import type { Keys } from '../storage/keys.ts'
import { script } from '../storage/script.ts'

type Store = { redis: Redis; keys: Keys; clock: Clock }

const issueScript = script(import.meta.dirname, 'issue.lua')
const dropScript = script(import.meta.dirname, 'drop.lua')
const checkScript = script(import.meta.dirname, 'check.lua')

export type ProofAt = { userId: string; purpose: ProofPurpose }

/** `life` in milliseconds. Hashes only. Returns false where a newer proof stands already. */
export const putProof = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: ProofAt,
  proof: { emailId: string; token: string; code: string; address: string; life: number },
): Promise<boolean> => {
  const args = [proof.emailId, proof.token, proof.code, proof.address, Math.ceil(proof.life), clock.shift]
  return (await issueScript(redis, [keys.proof(userId, purpose)], args)) === 'issued'
}

export type LiveProof = { emailId: string; address: string; expiresIn: number }

/** Compares without spending; a code costs one of `guesses`. */
export const matchProof = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: ProofAt,
  presented: { by: 'token' | 'code'; hash: string; guesses: number },
): Promise<LiveProof | null> => {
  const args = [presented.by, presented.hash, presented.guesses, clock.shift]
  const reply = (await checkScript(redis, [keys.proof(userId, purpose)], args)) as
    | [string, string, number]
    | null
  return reply && { emailId: reply[0], address: reply[1], expiresIn: reply[2] }
}

/** Drops a proof that was spent, unless a newer one has taken its place. */
export const dropProof = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  { userId, purpose }: ProofAt,
  emailId: string,
): Promise<void> => {
  await dropScript(redis, [keys.proof(userId, purpose)], [emailId])
}
