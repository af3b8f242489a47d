import assert from 'node:assert/strict'
import type { Reply } from '../../client.ts'
import {
  answerTo,
  begin,
  codeFor,
  endAll,
  keepAccess,
  lives,
  type Model,
  mailedToken,
  type Real,
  rotate,
  type Session,
} from './refresh-model.ts'

// What may be done to the sessions of one account, each with what must come of it: it is held against the model, which
// it then moves on.

export type Pick = { session: number; by: number; access: number }
export type Act = (
  given: Pick,
  at: { model: Model; real: Real; now: number; session: Session },
) => Promise<void>

export const of = <T>(all: T[], which: number): T => all.at(-1 - (which % all.length)) as T

const status = (reply: Reply, wanted: number, code?: string): void => {
  assert.deepEqual([reply.status, reply.body?.code], [wanted, code], reply.text)
}

const present = ({ clients }: Real, by: number, token: string) =>
  of(clients, by).post('refresh', { refresh_token: token })

const tokenAt = ({ chain }: Session, age: number): string => chain.at(-1 - age) as string

/** Presents a token of the chain and holds the reply against the model, which it then moves on. */
export const presenting =
  (ageOf: (session: Session, given: Pick) => number): Act =>
  async (given, { real, now, session }) => {
    const age = ageOf(session, given)
    const expected = answerTo(session, age, now)
    const reply = await present(real, given.by, tokenAt(session, age))
    if (expected === 'theft') session.ended = 'by theft'
    if (expected === 'theft' || expected === 'refused') return status(reply, 401, 'INVALID_REFRESH_TOKEN')
    status(reply, 200)
    assert.equal(reply.body.session_id, session.id)
    if (expected === 'same') assert.equal(reply.body.refresh_token, session.chain.at(-1), 'another successor')
    else assert.ok(!session.chain.includes(reply.body.refresh_token), 'a token that was there before')
    if (expected === 'next') rotate(session, now, reply.body)
    keepAccess(session, now, reply.body)
    const left = (session.idleUntil - now) / 1000
    assert.ok(Math.abs(reply.body.refresh_expires_in - left) < 5, 'the life that it is told')
  }

export const twoAtOnce: Act = async (_given, { real, now, session }) => {
  const token = tokenAt(session, 0)
  const [one, other] = await Promise.all([present(real, 0, token), present(real, 1, token)])
  if (answerTo(session, 0, now) === 'refused') {
    for (const reply of [one, other]) status(reply, 401, 'INVALID_REFRESH_TOKEN')
    return
  }
  for (const reply of [one, other]) status(reply, 200)
  assert.equal(one.body.refresh_token, other.body.refresh_token, 'one successor')
  rotate(session, now, one.body)
  for (const reply of [one, other]) keepAccess(session, now, reply.body)
}

/** A thief who asks twice is told of once. */
export const ancestorTwice: Act = async (_given, { real, now, session }) => {
  const token = tokenAt(session, 2)
  const replies = await Promise.all([present(real, 0, token), present(real, 1, token)])
  for (const reply of replies) status(reply, 401, 'INVALID_REFRESH_TOKEN')
  if (lives(session, now)) session.ended = 'by theft'
}

/** The parent and the newest at once: what comes depends on which is first, but not every reply will do. */
export const parentBeside: Act = async (_given, { real, now, session }) => {
  const mayBe = answerTo(session, 1, now)
  const [parent, newest] = await Promise.all([
    present(real, 0, tokenAt(session, 1)),
    present(real, 1, tokenAt(session, 0)),
  ])
  if (mayBe === 'refused') {
    for (const reply of [parent, newest]) status(reply, 401, 'INVALID_REFRESH_TOKEN')
    return
  }
  const before = tokenAt(session, 0)
  if (newest.status === 200) rotate(session, now, newest.body)
  if (parent.status === 200) {
    assert.equal(mayBe, 'same', 'too late for the parent')
    status(newest, 200)
    assert.equal(parent.body.refresh_token, before)
    for (const reply of [parent, newest]) keepAccess(session, now, reply.body)
  } else {
    status(parent, 401, 'INVALID_REFRESH_TOKEN')
    if (newest.status !== 200) status(newest, 401, 'INVALID_REFRESH_TOKEN')
    session.ended = 'by theft'
  }
}

export const useAccess: Act = async ({ by, access: which }, { real, now, session }) => {
  const access = of(session.accesses, which)
  const code = codeFor(session, access, now)
  const reply = await of(real.clients, by).get('me', { token: access.token })
  if (code === null) status(reply, 200)
  else status(reply, 401, code)
}

export const logout: Act = async ({ by, access }, { real, now, session }) => {
  const client = of(real.clients, by)
  // Any token of the session tells which one is meant.
  const reply =
    access % 2
      ? await client.post('logout', { refresh_token: of(session.chain, access) })
      : await client.post('logout', undefined, { token: of(session.accesses, access).token })
  status(reply, 204)
  if (lives(session, now)) session.ended = 'by its owner'
}

/** The list is asked for by one session and another is ended by it. */
export const revoke: Act = async ({ by, access: which }, { model, real, now, session }) => {
  const { token, expiresAt } = of(session.accesses, 0)
  const client = of(real.clients, by)
  const listed = await client.get('sessions', { token })
  const code = codeFor(session, { token, expiresAt }, now)
  if (code) return status(listed, 401, code)
  status(listed, 200)
  const live = model.sessions.filter(each => lives(each, now))
  const ids = listed.body.data.map(({ id }: { id: string }) => id)
  assert.deepEqual(ids.sort(), live.map(({ id }) => id).sort(), 'the list')
  const ended = of(live, which)
  status(await client.send('DELETE', `sessions/${ended.id}`, { token }), 204)
  ended.ended = 'by its owner'
}

export const logoutAll: Act = async ({ by }, { model, real, now, session }) => {
  const access = of(session.accesses, 0)
  const code = codeFor(session, access, now)
  const reply = await of(real.clients, by).post('logout-all', undefined, { token: access.token })
  if (code) return status(reply, 401, code)
  status(reply, 204)
  endAll(model, now)
}

const newPassword = ({ password }: Model) =>
  `a horse that is number ${Number(/\d+/.exec(password)?.[0] ?? 0) + 1}`

export const changePassword: Act = async ({ by }, { model, real, now, session }) => {
  const access = of(session.accesses, 0)
  const code = codeFor(session, access, now)
  const body = { current_password: model.password, new_password: newPassword(model) }
  const reply = await of(real.clients, by).post('change-password', body, { token: access.token })
  if (code) return status(reply, 401, code)
  status(reply, 200)
  endAll(model, now)
  model.password = body.new_password
  begin(model, now, reply.body)
}

export const resetPassword: Act = async ({ by }, { model, real, now }) => {
  const client = of(real.clients, by)
  status(await client.post('forgot-password', { email: real.account.email }), 202)
  const body = { token: await mailedToken(real), new_password: newPassword(model) }
  status(await client.post('reset-password', body), 204)
  endAll(model, now)
  model.password = body.new_password
}

export const login: Act = async ({ by }, { model, real, now }) => {
  // One more than twenty would end another.
  if (model.sessions.filter(session => lives(session, now)).length > 18) return
  const { email } = real.account
  const reply = await of(real.clients, by).post('login', { email, password: model.password })
  status(reply, 200)
  begin(model, now, reply.body)
}
