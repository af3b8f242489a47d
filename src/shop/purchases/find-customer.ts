import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import { recordEvent } from '../../features/audit/record-event.ts'
import { type User, Users } from '../../features/users/entity.ts'
import { isMailboxOwned } from '../../features/users/user-state.ts'
import type { Claim, Purchase } from './types.ts'

const origin = { ip: '', userAgent: 'payment' }

/**
 * Finds the account of a buyer. For a guest whose address has no account it creates one without a password: an emailed link
 * lets the guest choose the password, and verifies the address. `claim` is null for a buyer who was signed in.
 *
 * The purchase of a guest waits if the account at the address got its password before a link to the mailbox set one. An
 * attacker may have registered the address, even if the owner of the mailbox confirmed it later. The account itself does not
 * change, because an attacker may also have paid with the address of an honest user.
 */
export const findCustomer = async (
  manager: EntityManager,
  purchase: Purchase,
): Promise<{ user: User; claim: Claim | null }> => {
  const buyer = purchase.user_id && (await manager.findOneBy(Users, { id: purchase.user_id }))
  if (buyer) return { user: buyer, claim: null }
  const { email, full_name } = purchase
  if (email === null) throw new Error('a purchase has neither an account nor an address')
  await createAccount(manager, email, full_name)
  const user = await manager.findOneOrFail(Users, { where: { email }, lock: { mode: 'pessimistic_write' } })
  return { user, claim: isMailboxOwned(user) ? 'done' : 'waiting' }
}

const createAccount = async (
  manager: EntityManager,
  email: string,
  full_name: string | null,
): Promise<void> => {
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(Users)
    .values({ id: uuid(), email, full_name })
    .orIgnore()
    .returning('id')
    .execute()
  const createdId: string | undefined = raw[0]?.id
  if (createdId) await recordEvent(manager, { type: 'user.registered', userId: createdId, origin })
}
