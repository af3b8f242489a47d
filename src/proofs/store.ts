import type { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { ProofPurpose } from '../base/emails.ts'
import type { Keys } from '../storage/keys.ts'
import { script } from '../storage/script.ts'

type Store = { redis: Redis; keys: Keys; clock: Clock }

const issueScript = script(import.meta.dirname, 'issue.lua')
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

export const dropProof = async ({ redis, keys }: Store, { userId, purpose }: ProofAt): Promise<void> => {
  await redis.del(keys.proof(userId, purpose))
}
