import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, tokenOf } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import { until } from '../../until.ts'
import type { World } from '../../world.ts'

type Service = Pick<World, 'client' | 'mails' | 'sql'>

// Steps of an email change: request it, wait for the email, confirm it.

export const origin = 'http://latchkey.test'

export type MailedLink = { token: string; code: string; path: string; caught: CaughtEmail }

/** Waits until an address has received `count` emails with a link to this page, and returns the last. */
export const waitForLink = async (
  world: Service,
  email: string,
  page: string,
  count = 1,
): Promise<MailedLink> => {
  const caught = await world.mails.to(email, count, `${origin}/api/v1/auth/${page}?`)
  return { token: tokenOf(caught.link), code: caught.code, path: caught.link.slice(origin.length), caught }
}

/** An account whose address is verified. */
export const aVerifiedAccount = async (
  world: Service,
  given: Record<string, unknown> = {},
): Promise<Account> => {
  const account = await anAccount(world.client, given)
  const { token } = await waitForLink(world, account.email, 'verify-email')
  const { status } = await world.client.post('verify-email', { token })
  if (status !== 200) throw new Error(`verify-email answered ${status}`)
  return account
}

/** Makes an account 8 days old. An account counts as new for 7 days. */
export const backdateAccount = (world: Service, { userId }: Pick<Account, 'userId'>): Promise<unknown> =>
  world.sql(`UPDATE users SET created_at = now() - interval '8 days' WHERE id = $1`, [userId])

type SignedIn = Pick<Account, 'access' | 'password'>

export const postChangeEmail = (
  client: Client,
  { access, password }: SignedIn,
  newEmail: unknown,
): Promise<Reply> =>
  client.post('change-email', { current_password: password, new_email: newEmail }, { token: access })

/** Requests an email change and waits for the confirmation email, the `count`th to the new address. */
export const requestEmailChange = async (
  world: Service,
  account: SignedIn,
  newEmail: string,
  count = 1,
): Promise<MailedLink> => {
  const { status, text } = await postChangeEmail(world.client, account, newEmail)
  if (status !== 202) throw new Error(`change-email answered ${status}: ${text}`)
  return waitForLink(world, newEmail, 'confirm-email', count)
}

/** Requests and confirms an email change. */
export const changeEmail = async (world: Service, account: SignedIn, newEmail: string): Promise<void> => {
  const { token } = await requestEmailChange(world, account, newEmail)
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

export const countEvents = async (world: Service, userId: string, type: string): Promise<number> =>
  (await world.sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [userId, type])).length

/** Waits until the worker has sent or dropped every email. */
export const untilNoEmailQueued = (world: Service): Promise<unknown> =>
  until('no email is queued', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
