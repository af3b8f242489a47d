import { inspect } from 'node:util'
import anyTest, { type TestFn } from 'ava'
import { type ClientOptions, createClient, ProblemError } from '../../../packages/client/src/main.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openProxy } from '../../proxy.ts'
import { openWorld, type World } from '../../world.ts'
import { expireTokens, shiftDeviceClock } from './clocks.ts'
import { problemReply, recordingFetch } from './recording-fetch.ts'

const test = anyTest.serial as TestFn<{ world: World }>

test.before(async t => {
  t.context.world = await openWorld()
})
test.after.always(t => t.context.world[Symbol.asyncDispose]())

const minute = 60_000
const signedIn = async (world: World, options: Partial<ClientOptions> = {}) => {
  const recording = recordingFetch()
  const client = createClient({ baseUrl: world.url, fetch: recording.fetch, ...options })
  const events: string[] = []
  client.onChange(event => events.push(event))
  const email = anEmail()
  const { user } = await client.register({ email, password })
  if (!user) throw new Error('the registration has no user')
  return { ...recording, recording, client, events, email, user }
}

const problemIn = async (pending: Promise<unknown>): Promise<ProblemError> => {
  const error = await pending.then(
    () => null,
    (error: unknown) => error,
  )
  if (error instanceof ProblemError) return error
  throw new Error(`expected a problem, got ${inspect(error)}`)
}

test('a user registers, changes their profile and signs out → each reply is typed, and events follow', async t => {
  const { client, events, email, user, to } = await signedIn(t.context.world)
  t.is(user.email, email)
  t.is((await client.updateMe({ full_name: 'Ada' })).full_name, 'Ada')
  t.is((await client.me()).full_name, 'Ada')
  t.is((await client.session())?.userId, user.id)
  await client.logout()
  t.is(await client.session(), null)
  t.is(await client.accessToken(), null)
  t.deepEqual(events, ['signed_in', 'signed_out'])
  t.is((await problemIn(client.me())).code, 'AUTH_ERROR')
  t.is((await client.login({ email, password })).id, user.id)
  t.is(to('refresh').length, 0)
})

test('200 simultaneous requests with an expired token → one refresh, and every request succeeds', async t => {
  const { client, to, events } = await signedIn(t.context.world)
  await expireTokens(t.context.world)
  const users = await Promise.all(Array.from({ length: 200 }, () => client.me()))
  t.is(users.length, 200)
  t.is(to('refresh').length, 1)
  t.deepEqual(events, ['signed_in', 'refreshed'])
})

test('a listener is removed → it is called no more', async t => {
  const { client } = await signedIn(t.context.world)
  let calls = 0
  const remove = client.onChange(() => calls++)
  remove()
  await client.logout()
  t.is(calls, 0)
})

for (const hours of [-1, 1])
  test(`the clock of the device is ${hours} h off → no needless refresh, and none is missed`, async t => {
    using _ahead = shiftDeviceClock(hours * 60 * minute)
    const { client, to } = await signedIn(t.context.world)
    await client.me()
    t.is(to('refresh').length, 0)
    await expireTokens(t.context.world)
    await client.me()
    t.is(to('refresh').length, 1)
    await client.me()
    t.is(to('refresh').length, 1)
  })

test('the token is about to expire → it is refreshed before the request is sent', async t => {
  const { client, to } = await signedIn(t.context.world)
  using _ahead = shiftDeviceClock(14.5 * minute)
  await client.me()
  t.is(to('refresh').length, 1)
  t.is(to('me').length, 1)
})

test('the token is about to expire and the refresh fails → the request is sent with the token', async t => {
  const { client, recording, to } = await signedIn(t.context.world)
  recording.hook = ({ path }) =>
    path.endsWith('/refresh') ? Promise.resolve(problemReply(429, 'RATE_LIMIT_EXCEEDED')) : null
  using _ahead = shiftDeviceClock(14.5 * minute)
  await client.me()
  t.is(to('refresh').length, 1)
  t.is(to('me').length, 1)
})

test('the reply to a refresh is lost → the refresh is repeated, and the session continues', async t => {
  const { world } = t.context
  const { hostname, port } = new URL(world.url)
  await using proxy = await openProxy(hostname, Number(port))
  const { client, to, events } = await signedIn(world, { baseUrl: proxy.through(world.url) })
  await expireTokens(world)
  const lost = proxy.loseReplyTo('/auth/refresh')
  await client.me()
  await lost
  t.true(to('refresh').length >= 2)
  await expireTokens(world)
  await client.me()
  t.deepEqual(events, ['signed_in', 'refreshed', 'refreshed'])
})

test('the network fails during a refresh → the error is reported, and the user stays signed in', async t => {
  const { world } = t.context
  const { hostname, port } = new URL(world.url)
  await using proxy = await openProxy(hostname, Number(port))
  const { client, events } = await signedIn(world, { baseUrl: proxy.through(world.url) })
  await expireTokens(world)
  await t.throwsAsync(
    client
      .request('GET', '/livez')
      .then(() => proxy.cut())
      .then(() => client.me()),
  )
  t.deepEqual(events, ['signed_in'])
  proxy.heal()
  await client.me()
  t.deepEqual(events, ['signed_in', 'refreshed'])
})

for (const [status, code] of [
  [503, 'SERVICE_UNAVAILABLE'],
  [429, 'RATE_LIMIT_EXCEEDED'],
  [401, 'UNKNOWN_TO_THE_CLIENT'],
] as const)
  test(`a refresh gets ${status} ${code} → the user stays signed in`, async t => {
    const { client, recording, events } = await signedIn(t.context.world)
    await expireTokens(t.context.world)
    recording.hook = ({ path }) =>
      path.endsWith('/refresh') ? Promise.resolve(problemReply(status, code, { 'retry-after': '60' })) : null
    const problem = await problemIn(client.me())
    t.is(problem.code, code)
    t.is(problem.retryAfter, 60)
    t.deepEqual(events, ['signed_in'])
    recording.hook = null
    await client.me()
    t.deepEqual(events, ['signed_in', 'refreshed'])
  })

test('a portal answers a refresh with a page of its own → the user stays signed in', async t => {
  const { client, recording, events } = await signedIn(t.context.world)
  await expireTokens(t.context.world)
  recording.hook = ({ path }) =>
    path.endsWith('/refresh') ? Promise.resolve(new Response('<h1>Welcome</h1>', { status: 200 })) : null
  await t.throwsAsync(client.me())
  recording.hook = null
  await client.me()
  t.deepEqual(events, ['signed_in', 'refreshed'])
})

test('the service answers 503 with Retry-After to a refresh → it waits and refreshes', async t => {
  const { client, recording, to } = await signedIn(t.context.world)
  await expireTokens(t.context.world)
  let refused = 0
  recording.hook = ({ path }) =>
    path.endsWith('/refresh') && refused++ === 0
      ? Promise.resolve(problemReply(503, 'SERVICE_UNAVAILABLE', { 'retry-after': '0' }))
      : null
  await client.me()
  t.is(to('refresh').length, 2)
})

test('the session was ended elsewhere → the client signs out once and sends no further refresh', async t => {
  const { world } = t.context
  const { client, events, email, to } = await signedIn(world)
  const other = createClient({ baseUrl: world.url })
  await other.login({ email, password })
  await other.logoutAll()
  using _later = shiftDeviceClock(6000)
  t.is((await problemIn(client.me())).code, 'SESSION_REVOKED')
  t.deepEqual(events, ['signed_in', 'signed_out'])
  t.is((await problemIn(client.me())).code, 'AUTH_ERROR')
  t.is(to('refresh').length, 1)
})

test('an emailed token is refused with INVALID_TOKEN → the access token is not refreshed', async t => {
  const { client, to } = await signedIn(t.context.world)
  const body = { token: 'lkv_unknown' }
  t.is((await problemIn(client.request('POST', '/api/v1/auth/verify-email', { body }))).code, 'INVALID_TOKEN')
  t.is(to('refresh').length, 0)
})

test('the user changes the password → the client continues with the new session', async t => {
  const { client, user, events } = await signedIn(t.context.world)
  const before = await client.session()
  const body = { current_password: password, new_password: 'another horse 10' }
  const reply = await client.request('POST', '/api/v1/auth/change-password', { body })
  t.is(reply.status, 200)
  t.false('access_token' in (reply.body ?? {}))
  t.not((await client.session())?.sessionId, before?.sessionId)
  t.is((await client.me()).id, user.id)
  await expireTokens(t.context.world)
  t.is((await client.me()).id, user.id)
  t.deepEqual(events, ['signed_in', 'refreshed', 'refreshed'])
})

test('the user deletes the account → the client signs out', async t => {
  const { client, events } = await signedIn(t.context.world)
  await client.request('DELETE', '/api/v1/auth/me', { body: { password } })
  t.is(await client.session(), null)
  t.deepEqual(events, ['signed_in', 'signed_out'])
})

test('a path parameter is empty or holds dots → the request is not sent', async t => {
  const { client, sent } = await signedIn(t.context.world)
  const count = sent.length
  for (const id of ['', '.', '..'])
    await t.throwsAsync(client.request('DELETE', '/api/v1/auth/sessions/{id}', { params: { id } }))
  t.is(sent.length, count)
  const params = { id: '../me?x#y' }
  t.is((await problemIn(client.request('DELETE', '/api/v1/auth/sessions/{id}', { params }))).status, 404)
})

test('signing out while the service is down → the promise rejects, and the tokens are erased', async t => {
  const { client, recording, events } = await signedIn(t.context.world)
  recording.hook = ({ path }) =>
    path.endsWith('/logout') ? Promise.resolve(problemReply(503, 'SERVICE_UNAVAILABLE')) : null
  t.is((await problemIn(client.logout())).status, 503)
  t.is(await client.accessToken(), null)
  t.deepEqual(events, ['signed_in', 'signed_out'])
})

test('a sign-out during a refresh → the new tokens are ended too and dropped', async t => {
  const { client, recording, events } = await signedIn(t.context.world)
  await expireTokens(t.context.world)
  const token = await client.accessToken()
  const request = client.me().catch(error => error)
  await client.logout()
  await request
  t.is(await client.accessToken(), null)
  t.is(events.at(-1), 'signed_out')
  recording.hook = null
  const reply = await fetch(`${t.context.world.url}/api/v1/auth/me`, {
    headers: { Authorization: `Bearer ${token}` },
  })
  t.is(reply.status, 401)
})
