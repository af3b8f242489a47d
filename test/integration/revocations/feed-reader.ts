import { verify } from 'paseto-ts/v4'
import type { Client, Reply } from '../../client.ts'

/** The claims of the feed. */
export type Feed = {
  iss: string
  iat: string
  cursor: string
  sessions: string[]
  users: { sub: string; before: string }[]
  after?: string
  more?: true
}

/** Verifies a feed token with the published key, by another implementation of PASETO. Throws if it is not authentic. */
export const verifiedFeed = async (
  client: Client,
  token: string,
  assertion = 'revocations',
): Promise<Feed> => {
  const footer = Buffer.from(token.split('.')[3] ?? '', 'base64url')
  const { kid } = JSON.parse(footer.toString()) as { kid: string }
  const { body } = await client.get('/.well-known/paseto-keys')
  const key = body.keys.find((each: { kid: string }) => each.kid === kid)
  return verify(key.paserk, token, { assertion, validatePayload: false, maxDepth: 8, maxKeys: 100_000 })
    .payload as unknown as Feed
}

/** Requests the feed, from a cursor on if one is given. */
export const requestFeed = (client: Client, after?: string): Promise<Reply> =>
  client.get(`/.well-known/revocations${after === undefined ? '' : `?after=${after}`}`)

/** The whole feed, or what is new since a cursor. */
export const readFeed = async (client: Client, after?: string): Promise<Feed> => {
  const reply = await requestFeed(client, after)
  if (reply.status !== 200) throw new Error(`the feed answered ${reply.status}: ${reply.text}`)
  return verifiedFeed(client, reply.text)
}
