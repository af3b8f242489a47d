import type { Client } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import type { World } from '../../world.ts'

/** A new administrator with a session. */
export const anAdmin = async (
  { client, sql }: Pick<World, 'client' | 'sql'>,
  given: Record<string, unknown> = {},
): Promise<Account> => {
  const account = await anAccount(client, given)
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [account.userId])
  return account
}

export const usersPath = '/api/v1/admin/users'

/** Requests of an administrator, with the access token of the session. */
export const adminActions = (client: Client, token: string) => ({
  read: (id: string) => client.get(`${usersPath}/${id}`, { token }),
  list: (query = '') => client.get(`${usersPath}?${query}`, { token }),
  change: (id: string, body: unknown) => client.patch(`${usersPath}/${id}`, body, { token }),
  remove: (id: string) => client.send('DELETE', `${usersPath}/${id}`, { token }),
  logout: (id: string) => client.post(`${usersPath}/${id}/logout`, undefined, { token }),
  emails: (query = '') => client.get(`/api/v1/admin/emails?${query}`, { token }),
  retry: (id: string) => client.post(`/api/v1/admin/emails/${id}/retry`, undefined, { token }),
  events: (query = '') => client.get(`/api/v1/admin/audit-events?${query}`, { token }),
})
