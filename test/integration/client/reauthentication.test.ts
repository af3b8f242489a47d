import { inspect } from 'node:util'
import anyTest, { type TestFn } from 'ava'
import { type Client, createClient, ProblemError } from '../../../packages/client/src/main.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { recordingFetch } from './recording-fetch.ts'

const test = anyTest.serial as TestFn<{ world: World }>

test.before(async t => {
  t.context.world = await openWorld()
})
test.after.always(t => t.context.world[Symbol.asyncDispose]())

let shift = 0

/** An administrator who signed in 11 minutes ago. */
const staleAdmin = async (world: World, onReauthenticate?: (client: Client) => unknown) => {
  const recording = recordingFetch()
  let asked = 0
  const client: Client = createClient({
    baseUrl: world.url,
    fetch: recording.fetch,
    onReauthenticate: onReauthenticate
      ? () => {
          asked++
          return onReauthenticate(client)
        }
      : undefined,
  })
  const { user } = await client.register({ email: anEmail(), password })
  if (!user) throw new Error('the registration has no user')
  await world.sql('UPDATE users SET roles = $1, email_verified = true WHERE id = $2', [
    ['user', 'admin'],
    user.id,
  ])
  shift += 11 * 60_000
  await world.travel(shift)
  const change = () =>
    client.request('PATCH', '/api/v1/admin/users/{id}', {
      params: { id: user.id },
      body: { is_active: true },
    })
  return { client, recording, change, asked: () => asked }
}

const reauthenticate = (client: Client) => client.reauthenticate({ password })

test('five requests need a recent sign-in → the user is asked once, and each request succeeds', async t => {
  const { change, asked } = await staleAdmin(t.context.world, reauthenticate)
  const replies = await Promise.all(Array.from({ length: 5 }, change))
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  t.is(asked(), 1)
  await change()
  t.is(asked(), 1)
})

test('the user cancels → the request rejects with REAUTHENTICATION_REQUIRED, and the session stays', async t => {
  const { client, change, asked } = await staleAdmin(t.context.world, () => false)
  const error = await t.throwsAsync(change(), { instanceOf: ProblemError })
  t.is(error?.code, 'REAUTHENTICATION_REQUIRED')
  t.is(asked(), 1)
  await client.me()
})

test('the app does not ask → the request rejects with REAUTHENTICATION_REQUIRED', async t => {
  const { change } = await staleAdmin(t.context.world)
  const error = await t.throwsAsync(change(), { instanceOf: ProblemError })
  t.is(error?.code, 'REAUTHENTICATION_REQUIRED')
})

test('the user gives a wrong password → the error of the app reaches the request', async t => {
  const { change, asked } = await staleAdmin(t.context.world, client =>
    client.reauthenticate({ password: 'wrong horse 9' }),
  )
  const error = await t.throwsAsync(change(), { instanceOf: ProblemError })
  t.not(error?.code, 'REAUTHENTICATION_REQUIRED')
  t.is(asked(), 1)
})

test('a refresh after the sign-in was repeated → the session is still fresh', async t => {
  const { client, change, asked } = await staleAdmin(t.context.world, reauthenticate)
  await change()
  shift += 5 * 60_000
  await t.context.world.travel(shift)
  await client.me()
  await change()
  t.is(asked(), 1)
})

test('an error of the service → a typed problem whose texts hold no token', async t => {
  const { client } = await staleAdmin(t.context.world)
  const registered = await t.throwsAsync(client.register({ email: 'no address', password: 'x' }), {
    instanceOf: ProblemError,
  })
  t.is(registered?.code, 'VALIDATION_ERROR')
  t.is(registered?.status, 400)
  t.true(registered?.errors.some(({ path }) => path === 'email'))
  t.truthy(registered?.requestId)

  const body = {
    code: 'MFA_REQUIRED',
    title: 'x',
    mfa_token: 'secret-token',
    expires_in: 300,
    methods: ['totp'],
  }
  const mfa = new ProblemError(403, body)
  t.is(mfa.mfa?.mfa_token, 'secret-token')
  t.notRegex(`${inspect(mfa, { depth: 9 })}${JSON.stringify(mfa)}${String(mfa)}${mfa.stack}`, /secret-token/)
  t.is(new ProblemError(502, {}).code, 'UNEXPECTED_REPLY')
})

test('a second factor is needed → loginMfa sends the answer, and the reply signs in', async t => {
  const { world } = t.context
  const { client, recording } = await staleAdmin(world)
  const { body: session } = await world.client.post('register', { email: anEmail(), password })
  recording.hook = ({ path }) =>
    path === '/api/v1/auth/login/mfa' ? Promise.resolve(Response.json(session)) : null
  const user = await client.loginMfa({ mfa_token: 'one', code: '123456' })
  t.is(user.id, session.user.id)
  t.is((await client.me()).id, session.user.id)
  t.deepEqual(JSON.parse(String(recording.to('login/mfa')[0]?.body)), {
    ...{ mfa_token: 'one', code: '123456', token_transport: 'body' },
  })
})
