import type { Grant } from './grant.ts'

const maxTokens = 20

/**
 * Refresh tokens that this page exchanged or ended. A failed or delayed write may leave one in the storage, and to present it
 * would look like theft.
 */
export const replacedTokens = () => {
  const tokens = new Set<string>()
  return {
    add: (grant: Grant | null): void => {
      if (grant?.refreshToken === undefined) return
      tokens.add(grant.refreshToken)
      for (const oldest of tokens) if (tokens.size > maxTokens) tokens.delete(oldest)
    },
    has: ({ refreshToken }: Grant): boolean => refreshToken !== undefined && tokens.has(refreshToken),
  }
}
