import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import { recordEvent } from '../../features/audit/record-event.ts'
import { type User, Users } from '../../features/users/entity.ts'
import { isMailboxOwned } from '../../features/users/user-state.ts'
import type { Claim, Purchase } from './rules.ts'

const origin = { ip: '', userAgent: 'payment' }

/**
 * The account at the address of a purchase, made where there is none: one without a password, whose owner chooses it by a
 * mailed link, which verifies the address too. `claim` is null for a buyer who was signed in.
 *
 * A guest's purchase waits where somebody set the password before a link to the mailbox did: that may be a stranger who
 * registered the address, also if the owner of the mailbox has confirmed it since. Nothing of such an account changes: a
 * stranger may as well have paid with the address of an honest user.
 */
export const findCustomer = async (
  manager: EntityManager,
  purchase: Purchase,
): Promise<{ user: User; claim: Claim | null }> => {
  const buyer = purchase.user_id && (await manager.findOneBy(Users, { id: purchase.user_id }))
  if (buyer) return { user: buyer, claim: null }
  const { email, full_name } = purchase
  if (email === null) throw new Error('a purchase has neither an account nor an address')
  await make(manager, email, full_name)
  const user = await manager.findOneOrFail(Users, { where: { email }, lock: { mode: 'pessimistic_write' } })
  return { user, claim: isMailboxOwned(user) ? 'done' : 'waiting' }
}

const make = async (manager: EntityManager, email: string, full_name: string | null): Promise<void> => {
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(Users)
    .values({ id: uuid(), email, full_name })
    .orIgnore()
    .returning('id')
    .execute()
  const made: string | undefined = raw[0]?.id
  if (made) await recordEvent(manager, { type: 'user.registered', userId: made, origin })
}
