import type { Client } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import type { World } from '../../world.ts'

/** Somebody with the role, signed in. */
export const anAdmin = async (
  { client, sql }: Pick<World, 'client' | 'sql'>,
  given: Record<string, unknown> = {},
): Promise<Account> => {
  const account = await anAccount(client, given)
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [account.userId])
  return account
}

export const users = '/api/v1/admin/users'

/** What an administrator does to a user, with the token of a session. */
export const actsOf = (client: Client, token: string) => ({
  read: (id: string) => client.get(`${users}/${id}`, { token }),
  list: (query = '') => client.get(`${users}?${query}`, { token }),
  change: (id: string, body: unknown) => client.patch(`${users}/${id}`, body, { token }),
  remove: (id: string) => client.send('DELETE', `${users}/${id}`, { token }),
  logout: (id: string) => client.post(`${users}/${id}/logout`, undefined, { token }),
  emails: (query = '') => client.get(`/api/v1/admin/emails?${query}`, { token }),
  retry: (id: string) => client.post(`/api/v1/admin/emails/${id}/retry`, undefined, { token }),
  events: (query = '') => client.get(`/api/v1/admin/audit-events?${query}`, { token }),
})
