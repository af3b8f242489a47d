import { type Authenticator, newAuthenticator } from '../../authenticator.ts'
import type { Client } from '../../client.ts'
import type { Account } from '../../fixtures.ts'
import { type App, anApp } from '../../totp.ts'
import type { World } from '../../world.ts'
import { aVerifiedAccount, rowOf, waitForLink } from '../email-change/change-email.ts'

type Service = Pick<World, 'client' | 'mails' | 'sql'>

/** A verified account with an authenticator app and its recovery codes. `added` is the token of the email about them. */
export const anAppUser = async (world: Service): Promise<Account & { app: App; added: string }> => {
  const account = await aVerifiedAccount(world)
  const app = await anApp(world.client, account.access)
  return { ...account, app, added: await undoTokenOf(world, account.email) }
}

/** Adds a passkey in a fresh session. Returns its id. */
export const addAPasskey = async (
  client: Client,
  token: string,
  authenticator: Authenticator = newAuthenticator(),
): Promise<string> => {
  const { body: options } = await client.post('factors/passkeys/options', {}, { token })
  const credential = authenticator.create(options)
  const { status, body, text } = await client.post('factors/passkeys', { credential }, { token })
  if (status !== 201) throw new Error(`factors/passkeys answered ${text}`)
  return body.factor.id
}

export const removeAFactor = async (client: Client, token: string, id: string): Promise<void> => {
  const { status, text } = await client.send('DELETE', `factors/${id}`, { token })
  if (status !== 204) throw new Error(`factors/:id answered ${text}`)
}

/** The live factors of a user, by type and id. */
export const factorsOf = async ({ sql }: Service, userId: string): Promise<string[]> => {
  const rows = await sql<{ type: string; id: string }>(
    'SELECT type, id FROM factors WHERE user_id = $1 AND confirmed_at IS NOT NULL AND removed_at IS NULL',
    [userId],
  )
  return rows.map(({ type, id }) => `${type} ${id}`).sort()
}

/** The token of the `count`th email about a factor that an address gets. Wait for each: two emails may change places. */
export const undoTokenOf = async (world: Service, email: string, count = 1): Promise<string> =>
  (await waitForLink(world, email, 'undo-factor', count)).token

export const hasPassword = async (world: Service, userId: string): Promise<boolean> =>
  (await rowOf(world, userId)).password_hash !== null
