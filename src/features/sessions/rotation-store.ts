import type { Quota } from '../../platform/limits/limiter.ts'
import { script } from '../../platform/redis/script.ts'
import { type Amr, readAmr } from './authentication.ts'
import { rotationGraceMs } from './limits.ts'
import type { Store } from './store.ts'

const rotateScript = script(import.meta.dirname, 'rotate.lua')

export type Rotation = {
  outcome: 'rotated' | 'repeated' | 'unverified' | 'limited' | 'reused' | 'gone'
  expiresIn: number
  authTime: number
  amr: readonly Amr[]
  epoch: number
  /** The id of the secret of APP_SECRET that the successor is made with. */
  secretId: string
  /** What is left of the limit. */
  quotas: Quota[]
}

type RotationLimit = Pick<Quota, 'name' | 'points' | 'window'>

/**
 * Exchanges the hash of a secret for the next one, and counts the exchange, in one atomic step. Safe to send twice. With
 * `isUnverified` it exchanges nothing, but still reports a reused secret.
 */
export const rotateSession = async (
  { redis, keys, clock }: Store,
  rotation: {
    userId: string
    sessionId: string
    presented: string
    presentedSecretId: string
    next: string
    nextSecretId: string
    idle: number
    isUnverified?: boolean
  },
  limit: RotationLimit | null = null,
): Promise<Rotation> => {
  const counted = [limit?.name ?? '', limit?.points ?? 0, limit?.window ?? 0]
  const [outcome, expiresIn, authTime, epoch, count = 0, resetIn = 0, secretId = '', amr] =
    (await rotateScript(
      redis,
      [keys.session(rotation.userId, rotation.sessionId), keys.sessions(rotation.userId)],
      [
        rotation.sessionId,
        rotation.presented,
        rotation.next,
        rotationGraceMs,
        rotation.idle,
        clock.shift,
        ...counted,
        rotation.isUnverified ? 1 : 0,
        rotation.presentedSecretId,
        rotation.nextSecretId,
      ],
    )) as [Rotation['outcome'], number, string, string, number?, number?, string?, string?]
  const left = {
    allowed: outcome !== 'limited',
    remaining: Math.max((limit?.points ?? 0) - count, 0),
    resetIn,
  }
  const quotas = limit ? [{ ...limit, ...left }] : []
  const state = { authTime: Number(authTime), amr: readAmr(amr), epoch: Number(epoch) }
  return { outcome, expiresIn, ...state, secretId, quotas }
}
