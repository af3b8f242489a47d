import type { Reply } from '../../client.ts'
import { tokenOf } from '../../fixtures.ts'
import type { World } from '../../world.ts'

type Service = Pick<World, 'client' | 'mails'>

/** What a client and its user hold after a request: the token of the reply, and the code and the link of the email. */
export type LoginMail = { login_token: string; code: string; token: string; path: string }

const linkPart = '/login-code?'

/** Requests a code. Throws if that fails. */
export const askForCode = async (
  { client }: Pick<World, 'client'>,
  email: string,
  headers: Record<string, string> = {},
): Promise<string> => {
  const { status, body, text } = await client.post('login/email', { email }, { headers })
  if (status !== 202) throw new Error(`login/email answered ${status}: ${text}`)
  return body.login_token
}

/** Requests a code, and waits for its email. */
export const requestLoginMail = async (
  world: Service,
  email: string,
  headers: Record<string, string> = {},
): Promise<LoginMail> => {
  const before = (await world.mails.sentTo(email)).filter(({ link }) => link.includes(linkPart))
  const login_token = await askForCode(world, email, headers)
  const { code, link } = await world.mails.to(email, before.length + 1, linkPart)
  return { login_token, code, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
}

/** Sends a code or a token with a login token. */
export const confirm = (
  client: World['client'],
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Reply> => client.post('login/email/confirm', body, { headers })

/** The claims of an access token, unverified. */
export const claimsOf = (accessToken: string): Record<string, unknown> => {
  const [, , payload = ''] = accessToken.split('.')
  // The signature of PASETO v4.public is the last 64 bytes.
  return JSON.parse(Buffer.from(payload, 'base64url').subarray(0, -64).toString('utf8'))
}

/** The parts of a reply that must not differ between a known and an unknown address. */
export const comparable = ({ status, headers, text, body }: Reply) => ({
  status,
  text: text.replace(body.request_id, ''),
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
})
