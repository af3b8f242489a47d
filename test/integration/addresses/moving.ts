import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, tokenOf } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import { until } from '../../until.ts'
import type { World } from '../../world.ts'

type Service = Pick<World, 'client' | 'mails' | 'sql'>

// People whose account moves to another address, by their own wish or a thief's.

export const origin = 'http://latchkey.test'

export type Linked = { token: string; code: string; path: string; caught: CaughtEmail }

/** Waits until this many mails with a link to this page have come for an address, and returns the last. */
export const linked = async (world: Service, email: string, page: string, count = 1): Promise<Linked> => {
  const caught = await world.mails.to(email, count, `${origin}/api/v1/auth/${page}?`)
  return { token: tokenOf(caught.link), code: caught.code, path: caught.link.slice(origin.length), caught }
}

/** An account whose address is verified. */
export const aVerified = async (world: Service, given: Record<string, unknown> = {}): Promise<Account> => {
  const account = await anAccount(world.client, given)
  const { token } = await linked(world, account.email, 'verify-email')
  const { status } = await world.client.post('verify-email', { token })
  if (status !== 200) throw new Error(`verify-email answered ${status}`)
  return account
}

/** Makes an account older than the days in which it counts as new. An old one has something to lose. */
export const age = (world: Service, { userId }: Pick<Account, 'userId'>): Promise<unknown> =>
  world.sql(`UPDATE users SET created_at = now() - interval '8 days' WHERE id = $1`, [userId])

type Mover = Pick<Account, 'access' | 'password'>

export const change = (client: Client, { access, password }: Mover, newEmail: unknown): Promise<Reply> =>
  client.post('change-email', { current_password: password, new_email: newEmail }, { token: access })

/** Asks to move, and waits for the mail to the new address, the `count`th of its kind there. */
export const askMove = async (world: Service, mover: Mover, newEmail: string, count = 1): Promise<Linked> => {
  const { status, text } = await change(world.client, mover, newEmail)
  if (status !== 202) throw new Error(`change-email answered ${status}: ${text}`)
  return linked(world, newEmail, 'confirm-email', count)
}

/** Moves an account. */
export const move = async (world: Service, mover: Mover, newEmail: string): Promise<void> => {
  const { token } = await askMove(world, mover, newEmail)
  const { status, text } = await world.client.post('confirm-email', { token })
  if (status !== 200) throw new Error(`confirm-email answered ${status}: ${text}`)
}

export type User = {
  email: string
  email_verified: boolean
  password_hash: string | null
  erase_after: Date | null
}

export const rowOf = async (world: Service, userId: string): Promise<User> => {
  const [row] = await world.sql<User>('SELECT * FROM users WHERE id = $1', [userId])
  if (!row) throw new Error('no such user')
  return row
}

export const eventsOf = async (world: Service, userId: string, type: string): Promise<number> =>
  (await world.sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [userId, type])).length

/** Waits until no mail is owed any more. */
export const settled = (world: Service): Promise<unknown> =>
  until('every mail to be settled', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
