import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, tokenOf } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import type { World } from '../../world.ts'

type Service = Pick<World, 'client' | 'mails'>

// Users who hold a mailed token: for a password reset, a verification or an email change.

export const newPassword = 'a wholly new 7 phrase'

/** The token and the code of an email. `path` is its link without the origin. */
export type MailedToken = { token: string; code: string; caught: CaughtEmail; path: string }

const origin = 'http://latchkey.test'
const resetLink = '/reset-password?'

const read = (caught: CaughtEmail): MailedToken => ({
  token: tokenOf(caught.link),
  code: caught.code,
  caught,
  path: caught.link.slice(origin.length),
})

/** Requests a reset email, and waits until it is delivered. */
export const requestResetMail = async (world: Service, email: string): Promise<MailedToken> => {
  const before = (await world.mails.sentTo(email)).filter(({ link }) => link.includes(resetLink))
  const { status } = await world.client.post('forgot-password', { email })
  if (status !== 202) throw new Error(`forgot-password answered ${status}`)
  return read(await world.mails.to(email, before.length + 1, resetLink))
}

/** Registers a user, and returns the tokens of their verification email and of a reset email. */
export const userWithResetMail = async (
  world: Service,
  given: Record<string, unknown> = {},
): Promise<Account & { verification: MailedToken; reset: MailedToken }> => {
  const account = await anAccount(world.client, given)
  const verification = read(await world.mails.to(account.email))
  return { ...account, verification, reset: await requestResetMail(world, account.email) }
}

/** Requests an email change, and waits for the email to the new address. */
export const requestEmailChangeMail = async (
  world: Service,
  account: Account,
  newEmail: string,
): Promise<MailedToken> => {
  const body = { current_password: account.password, new_email: newEmail }
  const { status } = await world.client.post('change-email', body, { token: account.access })
  if (status !== 202) throw new Error(`change-email answered ${status}`)
  return read(await world.mails.to(newEmail))
}

/** Submits the form of a page as a browser does that loaded the page from `path`. */
export const submitForm = (
  client: Client,
  { path, page }: { path: string; page: string },
  fields: Record<string, string>,
): Promise<Reply> => {
  const unescaped = (text: string) =>
    text
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? []
  const [, token = ''] = /name="token" value="([^"]*)"/.exec(page) ?? []
  const { pathname, search } = new URL(unescaped(action), origin + path)
  return client.send('POST', pathname + search, {
    body: new URLSearchParams({ token: unescaped(token), ...fields }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

/** Codes that differ from this one: the numbers that follow it. */
export const wrongCodes = (code: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    String((Number(code) + 1 + i) % 10 ** code.length).padStart(code.length, '0'),
  )
