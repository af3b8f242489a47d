import { type Account, anAccount } from '../../fixtures.ts'
import type { World } from '../../world.ts'
import { waitForLink } from '../email-change/change-email.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'

/** Registers an account, sets its password by a mailed link, and signs in. */
export const accountWithMailedPassword = async (
  world: Pick<World, 'client' | 'mails' | 'sql'>,
  given: Record<string, unknown> = {},
): Promise<Account> => {
  const { email, userId } = await anAccount(world.client, given)
  await world.client.post('forgot-password', { email })
  const { token } = await waitForLink(world, email, 'reset-password')
  const reset = await world.client.post('reset-password', { token, new_password: newPassword })
  if (reset.status !== 204) throw new Error(`reset-password answered ${reset.status}`)
  const { status, body } = await world.client.post('login', { email, password: newPassword })
  if (status !== 200) throw new Error(`login answered ${status}`)
  const { access_token: access, refresh_token: refresh, session_id: sessionId } = body
  return { email, password: newPassword, userId, sessionId, access, refresh }
}
