import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps } = world
const refresh = (token: string) => other.client.post('refresh', { refresh_token: token })
const me = (token: string) => other.client.get('me', { token })

// Somebody signed in twice.
const twoSessions = async () => {
  const account = await anAccount(client)
  const { email, password } = account
  return { account, elsewhere: (await client.post('login', { email, password })).body }
}

const ways = {
  'its access token': (access: string, _token: string) => client.post('logout', undefined, { token: access }),
  'its access token and an empty body': (access: string, _token: string) =>
    client.post('logout', {}, { token: access }),
  'its refresh token': (_access: string, token: string) => client.post('logout', { refresh_token: token }),
  'its refresh token, beside an access token that is none': (_access: string, token: string) =>
    client.post('logout', { refresh_token: token }, { token: 'v4.public.nothing' }),
}

for (const [way, logout] of Object.entries(ways))
  test.serial(`logout by ${way} ends this session at once, and no other`, async t => {
    const { account, elsewhere } = await twoSessions()
    const reply = await logout(account.access, account.refresh)
    t.is(reply.status, 204)
    t.is(reply.text, '')

    t.is((await me(account.access)).body.code, 'SESSION_REVOKED')
    const refused = await refresh(account.refresh)
    t.is(refused.status, 401)
    t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 0)

    t.is((await me(elsewhere.access_token)).status, 200)
    t.is((await refresh(elsewhere.refresh_token)).status, 200)
    t.deepEqual(await deps.redis.zrange(deps.keys.sessions(account.userId), 0, -1), [elsewhere.session_id])
  })

test.serial('logout takes an access token that has expired', async t => {
  const { account, elsewhere } = await twoSessions()
  clock.shift += 16 * 60_000
  t.is((await me(account.access)).body.code, 'TOKEN_EXPIRED')
  t.is((await client.post('logout', undefined, { token: account.access })).status, 204)
  t.is((await refresh(account.refresh)).status, 401)
  t.is((await refresh(elsewhere.refresh_token)).status, 200)
})

test.serial('logout twice is answered as once', async t => {
  const { access, refresh: token } = await anAccount(client)
  for (let i = 0; i < 2; i++) t.is((await client.post('logout', undefined, { token: access })).status, 204)
  t.is((await client.post('logout', { refresh_token: token })).status, 204)
})

test.serial('logout tells nobody whether a token was known', async t => {
  const { access, refresh: token } = await anAccount(client)
  const texts = ['lkr_nothing', 'nothing', `${token}A`, token.slice(0, -1), token.slice(4)]
  for (const text of texts) t.is((await client.post('logout', { refresh_token: text })).status, 204, text)
  for (const text of ['nothing', 'v4.public.nothing', `${access}A`, token])
    t.is((await client.post('logout', undefined, { token: text })).status, 204, text)
  t.is((await me(access)).status, 200, 'none of them ended a session')
})

test.serial('logout without anything to end asks for credentials', async t => {
  for (const body of [undefined, {}]) {
    const reply = await client.post('logout', body)
    t.is(reply.status, 401)
    t.is(reply.body.code, 'AUTH_ERROR')
    t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
  }
})

test.serial('logout with a malformed header is refused and ends nothing', async t => {
  const { access } = await anAccount(client)
  for (const authorization of ['Bearer', access, `Basic ${access}`, `Bearer ${access} ${access}`]) {
    const reply = await client.post('logout', undefined, { headers: { authorization } })
    t.is(reply.status, 400, authorization.slice(0, 8))
  }
  t.is((await me(access)).status, 200)
})
