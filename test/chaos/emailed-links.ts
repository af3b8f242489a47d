import { type Account, count, dropSession, insist, newPassword, type Visit } from './account.ts'
import { mustFail } from './hostile-client.ts'

// How an honest client requests an emailed link and follows it.

/** The user waits for an email with a link to this page. */
export const expectLink = (account: Account, page: NonNullable<Account['awaits']>): void => {
  account.awaits = page
  account.linksRequested++
}

export const forgotPassword = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  const { email } = account
  account.resets++
  const request = { path: 'forgot-password', body: { email } }
  const { reply, refused, uncertain } = await insist(visit, request, [202], rig.retry.emails)
  if (reply?.status === 202) count(rig.ledger.forgot, email)
  if (refused) return
  expectLink(account, 'reset-password')
  if (uncertain) account.linksRequested++
}

/** An email with a link. `page` is the last part of the link's path, such as `verify-email`. */
export type LinkEmail = { to: string; page: string; token: string; lang: string }

const linkDone = (account: Account): void => {
  account.awaits = null
  account.linksRequested = 0
}

const verify = async (visit: Visit, { token, lang }: LinkEmail): Promise<void> => {
  const { rig, account } = visit
  const query = new URLSearchParams({ token, lang })
  const page = { path: `verify-email?${query}`, method: 'GET', route: 'verify-email (page)' }
  await insist(visit, page, [200])
  const confirm = {
    path: `verify-email/confirm?lang=${lang}`,
    form: { token },
    route: 'verify-email (button)',
  }
  const { reply, refused } = await insist(visit, confirm, [303], { onceOnly: true })
  linkDone(account)
  if (reply?.status === 303) account.verified = true
  if (refused) rig.onNote('verifications whose outcome the client does not know')
}

const reset = async (visit: Visit, { token }: LinkEmail): Promise<void> => {
  const { rig, account } = visit
  const new_password = newPassword()
  const request = (word: string) => ({ path: 'reset-password', body: { token, new_password: word } })
  // Of two requested emails the later one invalidates the first link. The second link is still to come.
  const isFirstOfTwo = account.linksRequested > 1
  const expected = isFirstOfTwo ? [204, 401] : [204]
  const { reply, uncertain } = await insist(visit, request(new_password), expected, { onceOnly: true })
  if (reply?.status === 401 && isFirstOfTwo && !uncertain) {
    account.linksRequested--
    rig.onNote('emailed links that a later one had replaced')
    return
  }
  linkDone(account)
  dropSession(visit)
  if (reply?.status !== 204) {
    account.maybePassword = new_password
    return
  }
  account.password = new_password
  account.maybePassword = null
  await mustFail(rig, 'an emailed link that was used', request(newPassword()))
}

/** Follows an emailed link. */
export const followLink = (visit: Visit, email: LinkEmail): Promise<void> =>
  email.page === 'verify-email' ? verify(visit, email) : reset(visit, email)
