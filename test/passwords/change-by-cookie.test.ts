import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { another } from './forgetful.ts'

// A browser that keeps its refresh token in a cookie gets the new one there, and its scripts never see it.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const shape = /^__Host-latchkey=(lkr_[\w-]+); Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=(\d+)$/
const cookieOf = (header: string | null) => `__Host-latchkey=${shape.exec(header ?? '')?.[1] ?? ''}`

/** Somebody who has signed in with the refresh token in a cookie. */
const aBrowser = async () => {
  const { email, password } = await anAccount(client)
  const login = await client.post('login', { email, password, token_transport: 'cookie' })
  return {
    email,
    password,
    token: login.body.access_token as string,
    cookie: cookieOf(login.headers.get('set-cookie')),
  }
}
const bodyOf = (current: string) => ({ current_password: current, new_password: another })
const refresh = (cookie: string) =>
  client.post('refresh', {}, { headers: { cookie, origin: 'http://latchkey.test' } })

test('where the cookie of this session came along, the new refresh token goes there and not into the body', async t => {
  const { password, token, cookie } = await aBrowser()
  const reply = await client.post('change-password', bodyOf(password), { token, headers: { cookie } })
  t.is(reply.status, 200)
  t.regex(reply.headers.get('set-cookie') ?? '', shape)
  t.false('refresh_token' in reply.body)
  t.false(reply.text.includes('lkr_'))

  const fresh = cookieOf(reply.headers.get('set-cookie'))
  t.not(fresh, cookie)
  t.is((await refresh(cookie)).status, 401)
  t.is((await client.get('me', { token })).status, 401)
  const renewed = await refresh(fresh)
  t.is(renewed.status, 200)
  t.is(renewed.body.session_id, reply.body.session_id)
})

test('without the cookie, or with that of another session or a forged one, the body carries it', async t => {
  const stranger = await aBrowser()
  for (const sent of [undefined, stranger.cookie, '__Host-latchkey=lkr_x', '__Host-latchkey=']) {
    const { password, token } = await aBrowser()
    const headers: Record<string, string> = sent === undefined ? {} : { cookie: sent }
    const reply = await client.post('change-password', bodyOf(password), { token, headers })
    t.is(reply.status, 200)
    t.is(reply.headers.get('set-cookie'), null)
    t.regex(reply.body.refresh_token, /^lkr_/)
  }
  t.is((await refresh(stranger.cookie)).status, 200, 'and that other session goes on')
})

test('a cookie alone, without an access token, changes nothing', async t => {
  const { email, password, cookie } = await aBrowser()
  const headers = { cookie, origin: 'http://latchkey.test' }
  t.is((await client.post('change-password', bodyOf(password), { headers })).status, 401)
  t.is((await client.post('login', { email, password })).status, 200)
})

test('a refused change leaves the cookie as it is', async t => {
  const { token, cookie } = await aBrowser()
  const reply = await client.post('change-password', bodyOf('wrong horse 9'), { token, headers: { cookie } })
  t.is(reply.status, 403)
  t.is(reply.headers.get('set-cookie'), null)
  t.is((await refresh(cookie)).status, 200)
})
