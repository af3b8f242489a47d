import type { Client, Reply } from '../../client.ts'
import type { World } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'

export const tokenPath = '/api/v1/oauth/token'
export const clientsPath = '/api/v1/admin/clients'

export type Made = { id: string; name: string; scopes: string[]; secret: string; prefix: string }

/** Creates a machine client as an administrator. */
export const aMachine = async (
  world: Pick<World, 'client' | 'sql'>,
  scopes: string[],
  token?: string,
): Promise<Made> => {
  const made = await world.client.post(
    clientsPath,
    { name: 'Orders', scopes },
    { token: token ?? (await anAdmin(world)).access },
  )
  if (made.status !== 201) throw new Error(`${made.status}: ${made.text}`)
  return { ...made.body, prefix: made.body.secrets[0].prefix }
}

const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+')

/** The header of HTTP Basic for an id and a secret (RFC 6749, section 2.3.1). */
export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`

/** Sends a form to a route of OAuth. */
export const postForm = (
  client: Client,
  path: string,
  form: string | Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Reply> =>
  client.send('POST', path, {
    body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })

const grant = { grant_type: 'client_credentials' }

/** Asks for a token by HTTP Basic. */
export const askToken = (
  client: Client,
  { id, secret }: Pick<Made, 'id' | 'secret'>,
  form: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<Reply> =>
  postForm(client, tokenPath, { ...grant, ...form }, { authorization: basic(id, secret), ...headers })

/** The access token of a machine client. */
export const machineToken = async (client: Client, machine: Made, scope?: string): Promise<string> => {
  const reply = await askToken(client, machine, scope === undefined ? {} : { scope })
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`)
  return reply.body.access_token
}
