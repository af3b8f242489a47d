import { inspect } from 'node:util'
import anyTest, { type TestFn } from 'ava'
import { type Client, createClient, ProblemError } from '../../../packages/client/src/main.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { totpOf } from '../../totp.ts'
import { openWorld, type World } from '../../world.ts'
import { claimsOf, giveFactors } from '../reauthentication/second-factor.ts'
import { problemReply, type RecordingFetch, recordingFetch } from './recording-fetch.ts'

const test = anyTest.serial as TestFn<{ world: World }>

test.before(async t => {
  t.context.world = await openWorld()
})
test.after.always(t => t.context.world[Symbol.asyncDispose]())

let shift = 0

type Send = (method: string, path: string, fields?: object) => Promise<{ body: { secret: string } }>

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

test('a second factor is needed at the sign-in → error.mfa and a code finish it', async t => {
  const { world } = t.context
  const ada = await anAccount(world.client)
  const { nextCode, wrongCode } = await giveFactors(world, ada)
  const recording = recordingFetch()
  const client = createClient({ baseUrl: world.url, fetch: recording.fetch })
  const error = await t.throwsAsync(client.login({ email: ada.email, password }), {
    instanceOf: ProblemError,
  })
  t.is(error?.code, 'MFA_REQUIRED')
  t.deepEqual(error?.methods, ['totp', 'recovery_code'])
  const mfa_token = error?.mfa?.mfa_token ?? ''
  const wrong = await t.throwsAsync(client.loginMfa({ mfa_token, code: wrongCode() }), {
    instanceOf: ProblemError,
  })
  t.is(wrong?.code, 'INVALID_MFA_CODE')
  t.is(await client.session(), null)
  const user = await client.loginMfa({ mfa_token, code: nextCode() })
  t.is(user.id, ada.userId)
  t.is(JSON.parse(String(recording.to('login/mfa')[1]?.body)).token_transport, 'body')
  t.is(claimsOf((await client.accessToken()) ?? '').acr, 'aal2')
})

test('a request needs a second factor → the app learns that, and the request succeeds after a code', async t => {
  const { world } = t.context
  const asked: (string | number | undefined)[][] = []
  const refused: (readonly string[])[] = []
  let nextCode = () => ''
  const client: Client = createClient({
    baseUrl: world.url,
    onReauthenticate: async ({ acrValues, maxAge }) => {
      asked.push([acrValues, maxAge])
      const error = await t.throwsAsync(client.reauthenticate({ password }), { instanceOf: ProblemError })
      refused.push(error?.methods ?? [])
      await client.reauthenticate({ code: nextCode() })
    },
  })
  const { user } = await client.register({ email: anEmail(), password })
  nextCode = (await giveFactors(world, { userId: user?.id ?? '' })).nextCode
  const { status } = await client.request('GET', '/api/v1/auth/me/export')
  t.is(status, 200)
  t.deepEqual(asked, [['aal2', 600]])
  t.deepEqual(refused, [['totp', 'recovery_code']])
  t.is(claimsOf((await client.accessToken()) ?? '').acr, 'aal2')
})

test('a request that joins a prompt for less → the user is asked again, for the second factor', async t => {
  const { world } = t.context
  const recording = recordingFetch()
  const asked: (string | undefined)[] = []
  const client: Client = createClient({
    baseUrl: world.url,
    fetch: recording.fetch,
    onReauthenticate: ({ acrValues }) => {
      asked.push(acrValues)
    },
  })
  await client.register({ email: anEmail(), password })
  const challenge = (wanted: string) => ({
    'www-authenticate': `Bearer realm="latchkey", error="insufficient_user_authentication", ${wanted}`,
  })
  recording.hook = ({ path }) => {
    const needed = path.endsWith('/sessions') ? undefined : 'aal2'
    if (asked.includes(needed)) return null
    const wanted = needed ? 'acr_values="aal2"' : 'max_age="600"'
    return Promise.resolve(problemReply(401, 'REAUTHENTICATION_REQUIRED', challenge(wanted)))
  }
  await Promise.all([client.request('GET', '/api/v1/auth/sessions'), client.me()])
  t.deepEqual(asked, [undefined, 'aal2'])
  recording.hook = () =>
    Promise.resolve(problemReply(401, 'REAUTHENTICATION_REQUIRED', challenge('max_age="1"')))
  await t.throwsAsync(client.me(), { instanceOf: ProblemError })
  t.is(asked.length, 3, 'a service that is never content is asked once')
})

/** Lets the recording answer for a service that reads the level from the token. Returns the levels that it saw. */
const payoutsNeedTwoFactors = (recording: RecordingFetch): unknown[] => {
  const acrs: unknown[] = []
  const challenge = {
    'www-authenticate': 'Bearer error="insufficient_user_authentication", acr_values="aal2"',
  }
  recording.hook = ({ path, authorization }) => {
    if (path !== '/payouts') return null
    const { acr } = claimsOf(authorization?.split(' ')[1] ?? '')
    acrs.push(acr)
    const reply =
      acr === 'aal2' ? Response.json({}) : problemReply(401, 'REAUTHENTICATION_REQUIRED', challenge)
    return Promise.resolve(reply)
  }
  return acrs
}

/** What a page does to set up an authenticator app. */
const setUpApp = async (world: World, client: Client) => {
  const send = client.request as unknown as Send
  const { body } = await send('POST', '/api/v1/auth/factors/totp')
  const time = Date.now() + world.clock.shift
  await send('POST', '/api/v1/auth/factors/totp/confirm', { body: { code: totpOf(body.secret, time) } })
}

test('the service requires a factor that the user lacks → onMfaEnrollment, and then no question for it', async t => {
  const { world } = t.context
  const strict = await world.instance({ REQUIRE_MFA: 'all' })
  const recording = recordingFetch()
  const enrolled: string[] = []
  let asked = 0
  const client: Client = createClient({
    baseUrl: strict.url,
    fetch: recording.fetch,
    origins: ['https://orders.example.com'],
    onReauthenticate: () => {
      asked++
    },
    onMfaEnrollment: async ({ code }) => {
      enrolled.push(code)
      await setUpApp(world, client)
    },
  })
  await client.register({ email: anEmail(), password })
  await Promise.all([client.updateMe({ full_name: 'Ada' }), client.updateMe({ phone: null })])
  t.deepEqual(enrolled, ['MFA_ENROLLMENT_REQUIRED'])
  const acrs = payoutsNeedTwoFactors(recording)
  const paid = await client.fetch('https://orders.example.com/payouts', { method: 'POST' })
  t.is(paid.status, 200)
  t.deepEqual(acrs, ['aal1', 'aal2'])
  t.is(asked, 0, 'the user has just shown the new factor')
  await strict.close()
})

test('a service needs two factors and the user has one → the app sets up another, and the request succeeds', async t => {
  const { world } = t.context
  const recording = recordingFetch()
  const client: Client = createClient({
    baseUrl: world.url,
    fetch: recording.fetch,
    origins: ['https://orders.example.com'],
    onReauthenticate: () => setUpApp(world, client),
  })
  await client.register({ email: anEmail(), password })
  const acrs = payoutsNeedTwoFactors(recording)
  const paid = await client.fetch('https://orders.example.com/payouts', { method: 'POST' })
  t.is(paid.status, 200)
  t.deepEqual(acrs, ['aal1', 'aal2'])
})
