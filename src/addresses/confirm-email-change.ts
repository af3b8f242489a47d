import type { EntityManager } from 'typeorm'
import { type User, Users } from '../accounts/entity.ts'
import { heldNothing } from '../accounts/held-nothing.ts'
import { isOpen, maskEmail } from '../accounts/rules.ts'
import { recordEvent } from '../audit/record-event.ts'
import { changesOf } from '../audit/rules.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkProof, type Presented } from '../proofs/check-proof.ts'
import { effectStands } from '../proofs/effect-stands.ts'
import { spendAllProofs } from '../proofs/spend-all-proofs.ts'
import { spendProof } from '../proofs/spend-proof.ts'
import type { Origin } from '../sessions/start-session.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'
import { orTaken } from './or-taken.ts'

type Needs = Pick<
  Deps,
  'config' | 'clock' | 'log' | 'metrics' | 'database' | 'redis' | 'keys' | 'queue' | 'limiter' | 'secrets'
>

/**
 * Moves an account to the address whose mailbox confirms it. Two who want one address are told apart by the unique
 * constraint, at commit. The old address is told, and can undo it: unless it was never verified, for then it may be
 * a stranger's, whom a mistyped address must not make the owner. `ownerId` is the user whose session presents it, if one
 * does. The same token or code again gets the same answer, and does nothing more, while the account has the address by it.
 */
export const confirmEmailChange = async (
  deps: Needs,
  { presented, ownerId = null, origin }: { presented: Presented; ownerId?: string | null; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN' | 'DUPLICATE_ENTRY'>> => {
  const proof = await checkProof(deps, 'change_email', presented, ownerId)
  if (!proof) return new Problem('INVALID_TOKEN')
  const { address } = proof
  const notices = proof.isUsed ? null : await move(deps, { ...proof, origin }).catch(orTaken)
  if (notices instanceof Problem) return notices
  if (notices) {
    await enqueueMails(deps, notices)
    return { email: address, isRepeat: false }
  }
  const stands = await effectStands(deps, 'change_email', proof)
  return stands ? { email: address, isRepeat: true } : new Problem('INVALID_TOKEN')
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
      { email: address, email_verified: true, password_proven_at: null, updated_at: () => 'now()' },
    )
    await spendAllProofs(manager, before)
    const notices = before.email_verified ? [await oweNotice(manager, deps, { before, address })] : []
    // Events hold no addresses: the emails to the new and the old one name them.
    const after = { ...before, email_verified: true }
    const data = { email_id: emailId, notice_id: notices[0], ...changesOf(before, after, ['email_verified']) }
    await recordEvent(manager, { type: 'email.changed', userId, origin, data })
    return notices
  })

/** The email that tells the old address, and can undo the move. */
const oweNotice = async (
  manager: EntityManager,
  deps: Needs,
  { before, address }: { before: User; address: string },
): Promise<string> => {
  const held = (await heldNothing(manager, before, deps)) ? 'nothing' : 'something'
  return oweMail(manager, {
    kind: 'email_changed',
    recipient: before.email,
    userId: before.id,
    locale: before.preferred_language ?? 'en',
    data: { email: maskEmail(address), held },
  })
}
