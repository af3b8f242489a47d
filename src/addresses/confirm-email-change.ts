import { type User, Users } from '../accounts/entity.ts'
import { isOpen, maskEmail } from '../accounts/rules.ts'
import { recordEvent } from '../audit/record-event.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'
import { spendAllProofs } from '../proofs/spend-all-proofs.ts'
import { spendProof } from '../proofs/spend-proof.ts'
import type { Origin } from '../sessions/start-session.ts'
import { isDuplicate } from '../storage/faults.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys' | 'queue' | 'secrets'>

/**
 * Moves an account to the address whose mailbox confirms it. Two who want one address are told apart by the unique
 * constraint, at commit. The old address is told, and can undo it: unless it was never verified, for then it may be
 * a stranger's, whom a mistyped address must not make the owner. `ownerId` is the user whose session presents it, if one
 * does.
 */
export const confirmEmailChange = async (
  deps: Needs,
  { presented, ownerId = null, origin }: { presented: Presented; ownerId?: string | null; origin: Origin },
): Promise<{ email: string } | Problem<'INVALID_TOKEN' | 'DUPLICATE_ENTRY'>> => {
  const proof = await checkProof(deps, 'change_email', presented, ownerId)
  if (!proof) return new Problem('INVALID_TOKEN')
  const { userId, emailId, address } = proof
  const notices = await move(deps, { userId, emailId, address, origin }).catch(error => {
    if (isDuplicate(error, 'users_email_key')) return new Problem('DUPLICATE_ENTRY')
    throw error
  })
  if (notices instanceof Problem) return notices
  if (!notices) return new Problem('INVALID_TOKEN')
  await enqueueMails(deps, notices)
  return { email: address }
}

type Move = { userId: string; emailId: string; address: string; origin: Origin }

const move = (deps: Needs, { userId, emailId, address, origin }: Move): Promise<string[] | null> =>
  deps.database.transaction(async manager => {
    if (!(await spendProof(manager, emailId))) return null
    const before: User | null = await manager.findOne(Users, {
      where: { id: userId },
      lock: { mode: 'pessimistic_write' },
    })
    if (!before || !isOpen(before)) return null
    await manager.update(
      Users,
      { id: userId },
      { email: address, email_verified: true, updated_at: () => 'now()' },
    )
    await spendAllProofs(manager, before)
    await recordEvent(manager, { type: 'email.changed', userId, origin })
    if (!before.email_verified) return []
    const notice = await oweMail(manager, {
      kind: 'email_changed',
      recipient: before.email,
      userId,
      locale: before.preferred_language ?? 'en',
      data: { email: maskEmail(address) },
    })
    return [notice]
  })
