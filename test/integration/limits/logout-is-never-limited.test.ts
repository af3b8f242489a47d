import anyTest from 'ava'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// A thief who holds the access token of a user can use up rate limits. The user must still be able to end the
// session.

const test = anyTest.serial

const world = await openWorld({
  env: {
    RATE_LIMITS:
      'register=1000/1h,login=1000/1h,bearer=5/15m,anonymous=5/15m,session_list=4/15m,change_password=4/15m',
    TRUSTED_PROXIES: '1',
  },
})
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const newPassword = 'another horse 10'
const [thiefIp, ownerIp] = ['203.0.113.66', '198.51.100.1']
const from = (token: string, ip: string, body?: unknown) => ({
  token,
  headers: { 'x-forwarded-for': ip },
  ...(body !== undefined && { body }),
})

const sessionRoutes = {
  logout: ({ access }: Account, ip: string) => client.send('POST', 'logout', from(access, ip, {})),
  'logout by refresh token': ({ refresh }: Account, ip: string) =>
    client.post('logout', { refresh_token: refresh }, { headers: { 'x-forwarded-for': ip } }),
  'logout-all': ({ access }: Account, ip: string) => client.send('POST', 'logout-all', from(access, ip)),
  'end of a session': ({ access, sessionId }: Account, ip: string) =>
    client.send('DELETE', `sessions/${sessionId}`, from(access, ip)),
  'list of sessions': ({ access }: Account, ip: string) => client.get('sessions', from(access, ip)),
  'change of the password': ({ access }: Account, ip: string) =>
    client.send(
      'POST',
      'change-password',
      from(access, ip, { current_password: password, new_password: newPassword }),
    ),
}
const endingRoutes = ['logout', 'logout by refresh token', 'logout-all', 'end of a session'] as const

const floods = {
  'GET /me': ({ access }: Account, ip: string) => client.get('me', from(access, ip)),
  'GET /sessions': ({ access }: Account, ip: string) => client.get('sessions', from(access, ip)),
  'DELETE /sessions/<none>': ({ access }: Account, ip: string) =>
    client.send('DELETE', 'sessions/018f0000-0000-7000-8000-000000000001', from(access, ip)),
  'wrong passwords': ({ access }: Account, ip: string) =>
    client.send(
      'POST',
      'change-password',
      from(access, ip, { current_password: 'wrong horse 9', new_password: newPassword }),
    ),
}
const flood = async (account: Account, ask: (typeof floods)['GET /me'], ip: string) => {
  const statuses: number[] = []
  for (let i = 0; i < 8; i++) statuses.push((await ask(account, ip)).status)
  return statuses
}

for (const [name, send] of Object.entries(sessionRoutes))
  test(`thief in the same network used up the request limit → ${name} still works`, async t => {
    const owner = await anAccount(client)
    t.is((await flood(owner, floods['GET /me'], ownerIp)).at(-1), 429)
    t.true([200, 204].includes((await send(owner, ownerIp)).status))
  })

for (const [asked, ask] of Object.entries(floods))
  for (const name of endingRoutes)
    test(`thief floods ${asked} from the same network → ${name} still works`, async t => {
      const owner = await anAccount(client)
      await flood(owner, ask, ownerIp)
      t.is((await sessionRoutes[name](owner, ownerIp)).status, 204)
      t.is((await client.get('sessions', from(owner.access, thiefIp))).status, 401, 'the session has ended')
    })

for (const name of ['list of sessions', 'change of the password'] as const)
  test(`thief in another network used up the limit for the ${name} → the owner still has all attempts`, async t => {
    const owner = await anAccount(client)
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) {
      const reply = await (name === 'list of sessions'
        ? sessionRoutes[name](owner, thiefIp)
        : floods['wrong passwords'](owner, thiefIp))
      statuses.push(reply.status)
    }
    t.is(statuses.at(-1), 429)
    t.is((await sessionRoutes[name](owner, ownerIp)).status, 200)
  })

test('thief used up the password-change limit of one session → the owner works from another session', async t => {
  const owner = await anAccount(client)
  await flood(owner, floods['wrong passwords'], ownerIp)
  t.is((await sessionRoutes['change of the password'](owner, ownerIp)).status, 429)
  const login = await client.post(
    'login',
    { email: owner.email, password },
    { headers: { 'x-forwarded-for': ownerIp } },
  )
  const second = { ...owner, access: login.body.access_token as string }
  t.is((await sessionRoutes['list of sessions'](second, ownerIp)).status, 200)
  t.is((await sessionRoutes['end of a session'](second, ownerIp)).status, 204)
  t.is((await sessionRoutes['change of the password'](second, ownerIp)).status, 200)
})

test('logouts with forged tokens over the limit → 429, but a valid token still ends its session', async t => {
  const ip = '203.0.113.67'
  const forged = () =>
    client.post('logout', { refresh_token: 'lkr_nonsense' }, { headers: { 'x-forwarded-for': ip } })
  for (let i = 0; i < 5; i++) t.is((await forged()).status, 204)
  t.is((await forged()).status, 429)
  const owner = await anAccount(client)
  t.is((await sessionRoutes['logout by refresh token'](owner, ip)).status, 204)
  t.is((await client.get('me', from(owner.access, ownerIp))).status, 401)
})
