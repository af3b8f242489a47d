import { type Account, insist, newPassword, sessionOf, type Visit, withSession } from './soak-clients.ts'
import { mustFail } from './soak-hostile.ts'
import type { Letter } from './soak-mail.ts'

// What honest clients do with an account once they have one, and what must be true after it.

const settled = (account: Account): void => {
  account.awaits = null
  account.asked = 0
}

export const me = async (visit: Visit): Promise<void> => {
  const { account, tally } = visit
  const done = await withSession(visit, { path: 'me', method: 'GET' }, [200])
  if (!done || done.refused) return
  const { full_name, email_verified } = done.answer.body
  if (account.name !== undefined && full_name !== account.name)
    tally.wrong('changes that were answered and are not there', 'profile')
  account.name = full_name
  if (account.verified && !email_verified)
    tally.wrong('changes that were answered and are not there', 'verified address')
}

export const changeProfile = async (visit: Visit): Promise<void> => {
  const { account } = visit
  const name = `Soak ${Math.floor(Math.random() * 1e6)}`
  const done = await withSession(visit, { path: 'me', method: 'PATCH', body: { full_name: name } }, [200])
  if (done) account.name = done.refused ? undefined : name
}

export const listSessions = async (visit: Visit): Promise<void> => {
  const done = await withSession(visit, { path: 'sessions', method: 'GET' }, [200])
  if (!done || done.refused) return
  const { data } = done.answer.body as { data: { current: boolean }[] }
  if (!data.some(({ current }) => current)) visit.tally.wrong('a session that is not in its own list')
}

export const signOut = async (visit: Visit): Promise<void> => {
  const { account } = visit
  const { session } = account
  const done = await withSession(visit, { path: 'logout', body: {} }, [204])
  account.session = null
  // Renewed on the way, the token is another one.
  if (!session || done?.answer.status !== 204 || session.expiresAt < performance.now() + 20_000) return
  await mustFail(visit, 'the access token of a session that ended', {
    ...{ path: 'me', method: 'GET', token: session.access },
  })
  await mustFail(visit, 'the refresh token of a session that ended', {
    ...{ path: 'refresh', body: { refresh_token: session.refresh } },
  })
}

export const changePassword = async (visit: Visit): Promise<void> => {
  const { account } = visit
  const { session, password: current_password } = account
  const new_password = newPassword()
  const body = { current_password, new_password }
  const done = await withSession(visit, { path: 'change-password', body }, [200, 204], { onceOnly: true })
  if (!done) return
  // It is stored, and a fault kept the new session from beginning.
  if (done.answer.status === 204) {
    account.password = new_password
    account.session = null
    return
  }
  if (done.answer.status !== 200) {
    account.session = null
    account.maybe = new_password
    return
  }
  account.password = new_password
  account.session = sessionOf(done.answer)
  if (session)
    await mustFail(visit, 'the refresh token of before a change of password', {
      ...{ path: 'refresh', body: { refresh_token: session.refresh } },
    })
  await mustFail(visit, 'the password of before', {
    ...{ path: 'login', body: { email: account.email, password: current_password }, agent: 'thief/1.0' },
  })
}

const verify = async (visit: Visit, { token, lang }: Letter): Promise<void> => {
  const { ask, account, tally } = visit
  const query = new URLSearchParams({ token, lang })
  const page = { path: `verify-email?${query}`, method: 'GET', as: 'verify-email (page)' }
  await insist(visit, () => ask(page), [200])
  const press = { path: `verify-email/confirm?lang=${lang}`, form: { token }, as: 'verify-email (button)' }
  const { answer, refused } = await insist(visit, () => ask(press), [303], { onceOnly: true })
  settled(account)
  if (answer.status === 303) account.verified = true
  if (refused) tally.note('verifications that their client cannot be sure of')
}

const reset = async (visit: Visit, { token }: Letter): Promise<void> => {
  const { ask, account, tally } = visit
  const new_password = newPassword()
  const send = () => ask({ path: 'reset-password', body: { token, new_password } })
  // Of two mails that were asked for, the later one put the first out of use: it is still to come.
  const fine = account.asked > 1 ? [204, 401] : [204]
  const { answer, unsure } = await insist(visit, send, fine, { onceOnly: true })
  if (answer.status === 401 && account.asked > 1 && !unsure) {
    account.asked--
    tally.note('mailed links that a later one had replaced')
    return
  }
  settled(account)
  account.session = null
  if (answer.status !== 204) {
    account.maybe = new_password
    return
  }
  account.password = new_password
  account.maybe = null
  await mustFail(visit, 'a mailed link that was used', {
    ...{ path: 'reset-password', body: { token, new_password: newPassword() } },
  })
}

/** Follows a mailed link. */
export const openLetter = (visit: Visit, letter: Letter): Promise<void> =>
  letter.page === 'verify-email' ? verify(visit, letter) : reset(visit, letter)
