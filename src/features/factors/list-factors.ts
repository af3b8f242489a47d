import type { Deps } from '../../deps.ts'
import { findFactors } from './factor-store.ts'
import type { FactorReply } from './schemas.ts'
import { factorView } from './view.ts'

/** The confirmed factors of a user, the oldest first. */
export const listFactors = async ({ reads }: Pick<Deps, 'reads'>, userId: string): Promise<FactorReply[]> => {
  const factors = await findFactors(reads, userId)
  return factors.map(({ remaining, ...factor }) => factorView(factor, remaining))
}
