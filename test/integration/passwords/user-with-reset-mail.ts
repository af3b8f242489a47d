import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, tokenOf } from '../../fixtures.ts'
import type { Caught } from '../../mail-sink.ts'
import type { World } from '../../world.ts'

type Service = Pick<World, 'client' | 'mails'>

// People who have forgotten their password, and what they do about it.

export const another = 'a wholly new 7 phrase'

export type Mailed = { token: string; code: string; caught: Caught; path: string }

const origin = 'http://latchkey.test'

const read = (caught: Caught): Mailed => ({
  token: tokenOf(caught.link),
  code: caught.code,
  caught,
  path: caught.link.slice(origin.length),
})

const mailsTo = async (world: Service, email: string) => (await world.mails.sentTo(email)).length

/** Asks for a reset mail, and waits for it. */
export const askReset = async (world: Service, email: string): Promise<Mailed> => {
  const before = await mailsTo(world, email)
  const { status } = await world.client.post('forgot-password', { email })
  if (status !== 202) throw new Error(`forgot-password answered ${status}`)
  return read(await world.mails.to(email, before + 1))
}

/** An account whose owner has the mail that verifies the address, and the one that resets the password. */
export const userWithResetMail = async (
  world: Service,
  given: Record<string, unknown> = {},
): Promise<Account & { verification: Mailed; reset: Mailed }> => {
  const account = await anAccount(world.client, given)
  const verification = read(await world.mails.to(account.email))
  return { ...account, verification, reset: await askReset(world, account.email) }
}

/** Asks to move an account, and waits for the mail to the new address. */
export const askMove = async (world: Service, account: Account, newEmail: string): Promise<Mailed> => {
  const body = { current_password: account.password, new_email: newEmail }
  const { status } = await world.client.post('change-email', body, { token: account.access })
  if (status !== 202) throw new Error(`change-email answered ${status}`)
  return read(await world.mails.to(newEmail))
}

/** Presses the button of a page as a browser would that came to it by `path`. */
export const press = (
  client: Client,
  { path, page }: { path: string; page: string },
  typed: Record<string, string>,
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
    body: new URLSearchParams({ token: unescaped(token), ...typed }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

/** The codes that follow this one: each is wrong. */
export const wrongCodes = (code: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) =>
    String((Number(code) + 1 + i) % 10 ** code.length).padStart(code.length, '0'),
  )
