import assert from 'node:assert/strict'
import type { Reply } from '../../client.ts'
import {
  addAccess,
  addSession,
  codeFor,
  endAll,
  isLive,
  issueResetToken,
  type Model,
  predictReply,
  type Real,
  rotate,
  type Session,
} from './refresh-model.ts'

// Actions on the sessions of one account. Each compares the reply with the prediction of the model, and then updates the
// model.

/** Random numbers that choose a session, an instance (`by`) and an access token. */
export type Choice = { session: number; by: number; access: number }
export type Action = (
  choice: Choice,
  at: { model: Model; real: Real; now: number; session: Session },
) => Promise<void>

/** Counts from the newest, so that 0 is the newest. */
export const nthNewest = <T>(all: T[], which: number): T => all.at(-1 - (which % all.length)) as T

const assertStatus = (reply: Reply, wanted: number, code?: string): void => {
  assert.deepEqual([reply.status, reply.body?.code], [wanted, code], reply.text)
}

const refreshAt = ({ clients }: Real, by: number, token: string) =>
  nthNewest(clients, by).post('refresh', { refresh_token: token })

const tokenAt = ({ chain }: Session, age: number): string => chain.at(-1 - age) as string

/** Refreshes with a token of the chain. `ageOf` says how many rotations old it is. */
export const refreshWith =
  (ageOf: (session: Session, choice: Choice) => number): Action =>
  async (choice, { real, now, session }) => {
    const age = ageOf(session, choice)
    const expected = predictReply(session, age, now)
    const reply = await refreshAt(real, choice.by, tokenAt(session, age))
    if (expected === 'theft') session.ended = 'by theft'
    if (expected === 'theft' || expected === 'refused')
      return assertStatus(reply, 401, 'INVALID_REFRESH_TOKEN')
    assertStatus(reply, 200)
    assert.equal(reply.body.session_id, session.id)
    if (expected === 'same')
      assert.equal(reply.body.refresh_token, session.chain.at(-1), 'the retry got another successor')
    else assert.ok(!session.chain.includes(reply.body.refresh_token), 'the refresh returned an old token')
    if (expected === 'next') rotate(session, now, reply.body)
    addAccess(session, now, reply.body)
    const expectedSeconds = (session.idleUntil - now) / 1000
    assert.ok(Math.abs(reply.body.refresh_expires_in - expectedSeconds) < 5, 'refresh_expires_in is wrong')
  }

export const newestTwice: Action = async (_choice, { real, now, session }) => {
  const token = tokenAt(session, 0)
  const [one, other] = await Promise.all([refreshAt(real, 0, token), refreshAt(real, 1, token)])
  if (predictReply(session, 0, now) === 'refused') {
    for (const reply of [one, other]) assertStatus(reply, 401, 'INVALID_REFRESH_TOKEN')
    return
  }
  for (const reply of [one, other]) assertStatus(reply, 200)
  assert.equal(one.body.refresh_token, other.body.refresh_token, 'two successors of one token')
  rotate(session, now, one.body)
  for (const reply of [one, other]) addAccess(session, now, reply.body)
}

/** Reuses an old token twice simultaneously: one theft is reported. */
export const ancestorTwice: Action = async (_choice, { real, now, session }) => {
  const token = tokenAt(session, 2)
  const replies = await Promise.all([refreshAt(real, 0, token), refreshAt(real, 1, token)])
  for (const reply of replies) assertStatus(reply, 401, 'INVALID_REFRESH_TOKEN')
  if (isLive(session, now)) session.ended = 'by theft'
}

/** Sends the parent and the newest token simultaneously. The replies depend on the order, and some are never correct. */
export const parentAndNewest: Action = async (_choice, { real, now, session }) => {
  const parentAnswer = predictReply(session, 1, now)
  const [parent, newest] = await Promise.all([
    refreshAt(real, 0, tokenAt(session, 1)),
    refreshAt(real, 1, tokenAt(session, 0)),
  ])
  if (parentAnswer === 'refused') {
    for (const reply of [parent, newest]) assertStatus(reply, 401, 'INVALID_REFRESH_TOKEN')
    return
  }
  const before = tokenAt(session, 0)
  if (newest.status === 200) rotate(session, now, newest.body)
  if (parent.status === 200) {
    assert.equal(parentAnswer, 'same', 'the parent was accepted after the grace period')
    assertStatus(newest, 200)
    assert.equal(parent.body.refresh_token, before)
    for (const reply of [parent, newest]) addAccess(session, now, reply.body)
  } else {
    assertStatus(parent, 401, 'INVALID_REFRESH_TOKEN')
    if (newest.status !== 200) assertStatus(newest, 401, 'INVALID_REFRESH_TOKEN')
    session.ended = 'by theft'
  }
}

export const useAccess: Action = async ({ by, access: which }, { real, now, session }) => {
  const access = nthNewest(session.accesses, which)
  const code = codeFor(session, access, now)
  const reply = await nthNewest(real.clients, by).get('me', { token: access.token })
  if (code === null) assertStatus(reply, 200)
  else assertStatus(reply, 401, code)
}

export const logout: Action = async ({ by, access }, { real, now, session }) => {
  const client = nthNewest(real.clients, by)
  // Any token of the session identifies it.
  const reply =
    access % 2
      ? await client.post('logout', { refresh_token: nthNewest(session.chain, access) })
      : await client.post('logout', undefined, { token: nthNewest(session.accesses, access).token })
  assertStatus(reply, 204)
  if (isLive(session, now)) session.ended = 'by its owner'
}

/** Lists the sessions, and revokes one of them. */
export const revoke: Action = async ({ by, access: which }, { model, real, now, session }) => {
  const { token, expiresAt } = nthNewest(session.accesses, 0)
  const client = nthNewest(real.clients, by)
  const listed = await client.get('sessions', { token })
  const code = codeFor(session, { token, expiresAt }, now)
  if (code) return assertStatus(listed, 401, code)
  assertStatus(listed, 200)
  const live = model.sessions.filter(each => isLive(each, now))
  const ids = listed.body.data.map(({ id }: { id: string }) => id)
  assert.deepEqual(ids.sort(), live.map(({ id }) => id).sort(), 'the session list is wrong')
  const revoked = nthNewest(live, which)
  assertStatus(await client.send('DELETE', `sessions/${revoked.id}`, { token }), 204)
  revoked.ended = 'by its owner'
}

export const logoutAll: Action = async ({ by }, { model, real, now, session }) => {
  const access = nthNewest(session.accesses, 0)
  const code = codeFor(session, access, now)
  const reply = await nthNewest(real.clients, by).post('logout-all', undefined, { token: access.token })
  if (code) return assertStatus(reply, 401, code)
  assertStatus(reply, 204)
  endAll(model, now)
}

const newPassword = ({ password }: Model) =>
  `a horse that is number ${Number(/\d+/.exec(password)?.[0] ?? 0) + 1}`

export const changePassword: Action = async ({ by }, { model, real, now, session }) => {
  const access = nthNewest(session.accesses, 0)
  const code = codeFor(session, access, now)
  const body = { current_password: model.password, new_password: newPassword(model) }
  const reply = await nthNewest(real.clients, by).post('change-password', body, { token: access.token })
  if (code) return assertStatus(reply, 401, code)
  assertStatus(reply, 200)
  endAll(model, now)
  model.password = body.new_password
  addSession(model, now, reply.body)
}

export const resetPassword: Action = async ({ by }, { model, real, now }) => {
  const client = nthNewest(real.clients, by)
  assertStatus(await client.post('forgot-password', { email: real.account.email }), 202)
  const body = { token: await issueResetToken(real), new_password: newPassword(model) }
  assertStatus(await client.post('reset-password', body), 204)
  endAll(model, now)
  model.password = body.new_password
}

export const login: Action = async ({ by }, { model, real, now }) => {
  // The limit is 20 sessions. A login above it would end another session.
  if (model.sessions.filter(session => isLive(session, now)).length > 18) return
  const { email } = real.account
  const reply = await nthNewest(real.clients, by).post('login', { email, password: model.password })
  assertStatus(reply, 200)
  addSession(model, now, reply.body)
}
