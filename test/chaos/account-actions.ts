import { beginSession, count, dropSession, insist, newPassword, type Outcome, type Visit } from './account.ts'
import { expectLink } from './emailed-links.ts'
import { mustFail } from './hostile-client.ts'
import type { ApiRequest } from './recorder.ts'

// What an honest client does with its account, and what must be true afterwards.

/** An access token is renewed this long before it expires, in milliseconds. */
const renewBefore = 20_000

const fullName = 'Ada Chaos'

/** A retry whose first answer was lost gets 409: the account exists and its owner can sign in. */
export const register = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  const { email, password } = account
  const request = { path: 'register', body: { email, password, full_name: fullName } }
  const { reply, refused, uncertain } = await insist(visit, request, [201, 202], { onceOnly: true })
  account.name = fullName
  if (reply?.status === 201) beginSession(visit, reply)
  if (reply && (reply.status === 201 || reply.status === 202))
    rig.ledger.users.push({ email, userId: reply.body.user.id })
  if (!refused || (reply?.status === 409 && uncertain)) expectLink(account, 'verify-email')
}

export const signIn = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  const { email, password, maybePassword } = account
  dropSession(visit)
  const expected = maybePassword === null ? [200] : [200, 401]
  const { reply } = await insist(visit, { path: 'login', body: { email, password } }, expected)
  if (reply?.status === 200) {
    count(rig.ledger.logins, beginSession(visit, reply).userId)
    account.maybePassword = null
  }
  if (reply?.status === 401 && maybePassword !== null) {
    account.password = maybePassword
    account.maybePassword = null
  }
}

/** `lost`: the first answer is thrown away. `twice`: the token is presented two times at once. */
type RefreshManner = 'once' | 'lost' | 'twice'

/** Exchanges the refresh token. A 401 means that the service has lost the session. */
export const refresh = async (visit: Visit, manner: RefreshManner = 'once'): Promise<void> => {
  const { rig, account } = visit
  const { session } = account
  if (!session) return
  const began = performance.now()
  const request = { path: 'refresh', body: { refresh_token: session.refresh } }
  const send = () => {
    session.presented++
    return rig.request({ ...request, actor: 'honest', sessionSince: session.since })
  }
  const beside = manner === 'twice' ? send() : null
  const unread = manner === 'lost' ? await send() : null
  session.presented++
  const { reply } = await insist(visit, request, [200, 401], { sessionSince: session.since })
  const others = [await beside, unread].filter(other => other?.status === 200)
  if (reply?.status !== 200) {
    dropSession(visit)
    const age = ((performance.now() - began) / 1000).toFixed(1)
    const id = reply?.headers.get('x-request-id')
    if (reply?.status === 401) rig.onLostSession(`${manner}, first presented ${age} s ago, ${id}`)
    return
  }
  const { access_token, refresh_token, expires_in } = reply.body
  if (others.some(other => other?.body.refresh_token !== refresh_token))
    rig.onViolation('refresh tokens with two successors')
  Object.assign(session, { access: access_token, refresh: refresh_token })
  session.expiresAt = performance.now() + expires_in * 1000
}

/** Sends a request with an access token that has not expired. */
const withSession = async (
  visit: Visit,
  request: ApiRequest,
  expected: number[],
  options: { onceOnly?: boolean } = {},
): Promise<Outcome | null> => {
  const { account } = visit
  if (account.session && account.session.expiresAt - performance.now() < renewBefore) await refresh(visit)
  const { session } = account
  if (!session) return null
  const { access: token, since } = session
  return insist(visit, { ...request, token }, expected, { ...options, sessionSince: since })
}

export const readProfile = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  const done = await withSession(visit, { path: 'me', method: 'GET' }, [200])
  if (done?.reply?.status === 401) return refresh(visit)
  if (!done?.reply || done.refused) return
  const { full_name, email_verified } = done.reply.body
  if (account.name !== undefined && full_name !== account.name)
    rig.onViolation('changes that were answered and did not last', 'profile')
  account.name = full_name
  if (account.verified && !email_verified)
    rig.onViolation('changes that were answered and did not last', 'verified email address')
}

export const changeProfile = async (visit: Visit): Promise<void> => {
  const { account } = visit
  const name = `Chaos ${Math.floor(Math.random() * 1e6)}`
  const done = await withSession(visit, { path: 'me', method: 'PATCH', body: { full_name: name } }, [200])
  if (done) account.name = done.refused ? undefined : name
}

export const listSessions = async (visit: Visit): Promise<void> => {
  const done = await withSession(visit, { path: 'sessions', method: 'GET' }, [200])
  if (!done?.reply || done.refused) return
  const { data } = done.reply.body as { data: { current: boolean }[] }
  if (!data.some(({ current }) => current))
    visit.rig.onViolation('sessions that are missing in their own list')
}

/** Signs out by either token. Both must be refused afterwards. */
export const signOut = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  if (account.session && account.session.expiresAt - performance.now() < renewBefore) await refresh(visit)
  const { session } = account
  if (!session) return
  const { access, refresh: refresh_token, since } = session
  dropSession(visit)
  const byToken = Math.random() < 0.5 ? { token: access } : { body: { refresh_token } }
  const { reply } = await insist(visit, { path: 'logout', ...byToken }, [204], { sessionSince: since })
  if (reply?.status !== 204) return
  rig.ledger.ended.push(session)
  await mustFail(rig, 'the access token of a session that ended', {
    path: 'me',
    method: 'GET',
    token: access,
  })
  await mustFail(rig, 'the refresh token of a session that ended', {
    path: 'refresh',
    body: { refresh_token },
  })
}

export const changePassword = async (visit: Visit): Promise<void> => {
  const { rig, account } = visit
  const { session, password: current_password, email } = account
  const new_password = newPassword()
  const request = { path: 'change-password', body: { current_password, new_password } }
  const done = await withSession(visit, request, [200, 204], { onceOnly: true })
  if (!done) return
  const old = account.session ?? session
  dropSession(visit)
  if (done.reply?.status === 200) beginSession(visit, done.reply)
  // 204: the password was stored, and an outage kept the new session from beginning.
  else if (done.reply?.status !== 204) {
    account.maybePassword = new_password
    return
  }
  account.password = new_password
  if (done.reply.status === 204) return
  if (old)
    await mustFail(rig, 'a refresh token from before a password change', {
      ...{ path: 'refresh', body: { refresh_token: old.refresh } },
    })
  await mustFail(rig, 'the password before a change', {
    ...{ path: 'login', body: { email, password: current_password }, userAgent: 'thief/1.0' },
  })
}
