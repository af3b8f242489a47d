import { type Answer, newAuthenticator } from '../../authenticator.ts'
import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'

type Authenticator = ReturnType<typeof newAuthenticator>

/** Asks for a new passkey of the user of a session. */
export const creationOptions = async (client: Client, token: string) => {
  const reply = await client.post('factors/passkeys/options', {}, { token })
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`)
  return reply.body
}

export const requestOptions = async (client: Client) => {
  const reply = await client.post('login/passkey/options', {})
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`)
  return reply.body
}

/** Makes a passkey and adds it to the account. */
export const addPasskey = async (
  client: Client,
  token: string,
  authenticator: Authenticator,
  answer: Answer = {},
): Promise<Reply> => {
  const credential = authenticator.create(await creationOptions(client, token), answer)
  return client.post('factors/passkeys', { credential }, { token })
}

export const signIn = async (
  client: Client,
  authenticator: Authenticator,
  answer: Answer = {},
): Promise<Reply> => {
  const credential = authenticator.get(await requestOptions(client), answer)
  return client.post('login/passkey', { credential })
}

/** A user with a passkey. */
export const aPasskeyUser = async (
  client: Client,
  { algorithm, ...answer }: Answer & { algorithm?: -8 | -7 | -257 } = {},
): Promise<Account & { authenticator: Authenticator; factorId: string; recoveryCodes: string[] }> => {
  const account = await anAccount(client)
  const authenticator = newAuthenticator(algorithm === undefined ? {} : { algorithm })
  const { status, body, text } = await addPasskey(client, account.access, authenticator, answer)
  if (status !== 201) throw new Error(`${status}: ${text}`)
  return { ...account, authenticator, factorId: body.factor.id, recoveryCodes: body.recovery_codes }
}

/** The claims of an access token. */
export const claimsOf = (token: string): { amr: string[]; acr: string } => {
  const signed = Buffer.from(token.split('.')[2] ?? '', 'base64url')
  return JSON.parse(signed.subarray(0, -64).toString())
}
