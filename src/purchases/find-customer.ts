import { type EntityManager, IsNull, Not } from 'typeorm'
import { v7 as uuid } from 'uuid'
import { dropUnprovenPassword } from '../accounts/drop-unproven-password.ts'
import { type User, Users } from '../accounts/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { spendAllProofs } from '../proofs/spend-all-proofs.ts'
import type { Purchase } from './rules.ts'

const origin = { ip: '', userAgent: 'payment' }

const nothingOfTheirs = { phone: null, address: null, preferred_language: null, picture_url: null }

/**
 * The account that a purchase belongs to, made where there is none: one without a password, whose owner chooses it by a
 * mailed link, which verifies the address too. Whoever registered the address of a guest and never proved to hold it
 * keeps nothing of it: no password, no session, no pending change, no name, nor does it end by their wish. Else they would own
 * what another one paid, or take it away.
 */
export const findCustomer = async (
  manager: EntityManager,
  purchase: Purchase,
): Promise<{ user: User; welcome: boolean }> => {
  const buyer = purchase.user_id && (await manager.findOneBy(Users, { id: purchase.user_id }))
  if (buyer) return { user: buyer, welcome: false }
  const { email, full_name } = purchase
  if (email === null) throw new Error('a purchase has neither an account nor an address')
  await make(manager, email, full_name)
  const user = await manager.findOneOrFail(Users, { where: { email }, lock: { mode: 'pessimistic_write' } })
  if (user.email_verified) return { user, welcome: user.password_hash === null }
  if (await dropUnprovenPassword(manager, email, null)) {
    await spendAllProofs(manager, user)
    await recordEvent(manager, { type: 'sessions.ended', userId: user.id, origin })
    await manager.update(Users, { id: user.id }, { ...nothingOfTheirs, full_name })
  }
  await manager.update(Users, { id: user.id, erase_after: Not(IsNull()) }, { erase_after: null })
  return { user: await manager.findOneByOrFail(Users, { id: user.id }), welcome: true }
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
