import type { AddedFactorReply, FactorReply } from './schemas.ts'
import type { Factor } from './types.ts'

/** The columns that replies show. */
export type Viewed = Omit<
  Factor,
  | 'user_id'
  | ('sealed_secret' | 'last_step' | 'credential_id' | 'public_key' | 'sign_count')
  | ('backup_eligible' | 'confirmed_at' | 'removed_at')
>

/** A factor as replies show one. `remaining`: the unused recovery codes. */
export const factorView = (factor: Viewed, remaining = 0): FactorReply => ({
  id: factor.id,
  type: factor.type,
  name: factor.name,
  created_at: factor.created_at.toISOString(),
  last_used_at: factor.last_used_at?.toISOString() ?? null,
  ...(factor.type === 'passkey' && {
    user_verifying: factor.user_verifying ?? false,
    backed_up: factor.backed_up ?? false,
    transports: factor.transports ?? [],
    aaguid: factor.aaguid,
  }),
  ...(factor.type === 'recovery_codes' && { remaining }),
})

/** A factor that was added, as replies show it. */
export const addedFactorView = ({
  factor,
  recoveryCodes,
}: {
  factor: Viewed
  recoveryCodes: string[] | null
}): AddedFactorReply => ({
  factor: factorView(factor),
  ...(recoveryCodes && { recovery_codes: recoveryCodes }),
})
