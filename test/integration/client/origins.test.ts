import anyTest, { type TestFn } from 'ava'
import { createClient } from '../../../packages/client/src/main.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { shiftDeviceClock } from './clocks.ts'
import { problemReply, recordingFetch } from './recording-fetch.ts'
import { openRequestLog } from './request-log.ts'

const test = anyTest as TestFn<{ world: World }>

test.before(async t => {
  t.context.world = await openWorld()
})
test.after.always(t => t.context.world[Symbol.asyncDispose]())

const signedIn = async (world: World, origins: string[] = []) => {
  const recording = recordingFetch()
  const client = createClient({ baseUrl: world.url, origins, fetch: recording.fetch })
  await client.register({ email: anEmail(), password })
  return { client, recording, to: recording.to, bearer: `Bearer ${await client.accessToken()}` }
}

const json = (body: object, status = 200): Response => Response.json(body, { status })

test('addresses that look like a trusted origin → only the exact origin gets the token', async t => {
  const { world } = t.context
  const { client, recording, bearer } = await signedIn(world, ['https://api.example.com'])
  recording.hook = () => Promise.resolve(json({}))
  const { port } = new URL(world.url)
  const untrusted = [
    'https://api.example.com@evil.example',
    'https://api.example.com:secret@evil.example/',
    'https://api.example.com.evil.example',
    'https://evil.example/https://api.example.com',
    'https://evil.example?https://api.example.com',
    'https://evil.example#https://api.example.com',
    'https://evil.example\\@api.example.com/',
    'https:\\\\evil.example\\api.example.com',
    'https://api.example.com.',
    'https://xapi.example.com',
    'https://sub.api.example.com',
    'https://api.example.com:8443',
    'http://api.example.com',
    'https://аpi.example.com', // a Cyrillic letter
    `http://localhost:${port}/`,
    `http://127.0.0.1:${Number(port) + 1}/`,
    'blob:https://api.example.com/0b1c',
    'data:text/plain,https://api.example.com',
  ]
  for (const url of untrusted) await client.fetch(url)
  t.deepEqual([...new Set(recording.sent.slice(1).map(({ authorization }) => authorization))], [null])

  recording.sent.length = 0
  const trusted = [
    'https://api.example.com',
    'https://API.example.com:443/orders?next=https://evil.example',
    ' https://api.example.com/orders ',
    'https://api.example.com/@evil.example',
  ]
  for (const url of trusted) await client.fetch(url)
  await client.fetch(new URL('https://api.example.com/x'))
  await client.fetch(new Request('https://api.example.com/x'))
  await client.fetch(`${world.url}/x`)
  t.deepEqual([...new Set(recording.sent.map(({ authorization }) => authorization))], [bearer])
  t.is(recording.sent.length, 7)
})

test('a request has its own Authorization → it is sent unchanged', async t => {
  const { client, recording } = await signedIn(t.context.world)
  recording.hook = () => Promise.resolve(problemReply(401, 'TOKEN_EXPIRED'))
  const url = `${t.context.world.url}/x`
  await client.fetch(url, { headers: { Authorization: 'Basic eDp5' } })
  await client.fetch(new Request(url, { headers: { Authorization: 'Basic eDp5' } }))
  t.deepEqual(
    recording.sent.slice(1).map(({ path }) => path),
    ['/x', '/x'],
  )
})

test('a trusted service redirects to another origin → the other origin gets no token', async t => {
  await using other = await openRequestLog()
  await using service = await openRequestLog((request, response) => {
    const location = request.url === '/out' ? `${other.origin}/in` : '/target'
    if (request.url === '/target') response.end('ok')
    else response.writeHead(302, { location }).end()
  })
  const { client, bearer } = await signedIn(t.context.world, [service.origin])
  t.is((await client.fetch(`${service.origin}/own`)).status, 200)
  t.is((await client.fetch(`${service.origin}/out`)).status, 200)
  t.deepEqual(
    service.seen.map(({ url, authorization }) => [url, authorization]),
    [
      ['/own', bearer],
      ['/target', bearer],
      ['/out', bearer],
    ],
  )
  t.deepEqual(
    other.seen.map(({ url, authorization }) => [url, authorization]),
    [['/in', undefined]],
  )
})

test('the service answers a sign-in or a refresh with a redirect → no password or token is sent on', async t => {
  await using other = await openRequestLog()
  await using service = await openRequestLog((_, response) =>
    response.writeHead(307, { location: `${other.origin}/steal` }).end(),
  )
  const client = createClient({ baseUrl: service.origin })
  await t.throwsAsync(client.login({ email: anEmail(), password }))
  const value = JSON.stringify({
    ...{
      sessionId: 's',
      userId: 'u',
      accessToken: 'a',
      refreshToken: 'r',
      issuedAt: 0,
      life: 0,
      receivedAt: Date.now(),
    },
  })
  const stored = createClient({
    baseUrl: service.origin,
    storage: { get: () => value, set: () => {}, remove: () => {} },
  })
  await t.throwsAsync(stored.me())
  t.deepEqual(other.seen, [])
  t.true(service.seen.length >= 2)
})

test('503 with Retry-After → safe requests are repeated, a POST only with an idempotency key', async t => {
  const { client, recording } = await signedIn(t.context.world, ['https://api.example.com'])
  const send = async (init: RequestInit, headers: Record<string, string> = { 'retry-after': '0' }) => {
    recording.sent.length = 0
    recording.hook = () =>
      Promise.resolve(recording.sent.length > 1 ? json({}) : new Response('', { status: 503, headers }))
    const { status } = await client.fetch('https://api.example.com/orders', init)
    return [status, recording.sent.length]
  }
  const key = { 'Idempotency-Key': 'one' }
  t.deepEqual(await send({}), [200, 2])
  t.deepEqual(await send({ method: 'PUT', body: '{}' }), [200, 2])
  t.deepEqual(await send({ method: 'POST', body: '{}' }), [503, 1])
  t.deepEqual(await send({ method: 'PATCH', body: '{}' }), [503, 1])
  t.deepEqual(await send({ method: 'POST', body: '{}', headers: key }), [200, 2])
  t.deepEqual(await send({}, {}), [503, 1])
  t.deepEqual(await send({}, { 'retry-after': '3600' }), [503, 1])
  t.deepEqual(await send({}, { 'retry-after': 'soon' }), [503, 1])
  // By the clock of the server, one second; by that of the device, years.
  const date = { date: 'Tue, 01 Jan 2030 00:00:00 GMT', 'retry-after': 'Tue, 01 Jan 2030 00:00:01 GMT' }
  t.deepEqual(await send({}, date), [200, 2])
})

test('503 again and again → two retries, and then the reply is returned', async t => {
  const { client, recording } = await signedIn(t.context.world, ['https://api.example.com'])
  recording.hook = () => Promise.resolve(new Response('', { status: 503, headers: { 'retry-after': '0' } }))
  recording.sent.length = 0
  t.is((await client.fetch('https://api.example.com/')).status, 503)
  t.is(recording.sent.length, 3)
})

test('a request is aborted while it waits to be repeated → it rejects at once', async t => {
  const { client, recording } = await signedIn(t.context.world, ['https://api.example.com'])
  const abort = new AbortController()
  recording.hook = () => {
    setTimeout(() => abort.abort(new Error('the user left')), 20)
    return Promise.resolve(new Response('', { status: 503, headers: { 'retry-after': '10' } }))
  }
  const pending = client.fetch('https://api.example.com/', { signal: abort.signal })
  await t.throwsAsync(pending, { message: 'the user left' })
})

test('the body of a refused request is a stream → it is sent once; a text is sent again', async t => {
  const { client, recording, to } = await signedIn(t.context.world, ['https://api.example.com'])
  const refuse = () => {
    let refused = false
    recording.hook = ({ path }) => {
      if (path !== '/upload' || refused) return null
      refused = true
      return Promise.resolve(problemReply(401, 'TOKEN_EXPIRED'))
    }
  }
  const url = `${t.context.world.url}/upload`
  refuse()
  const body = new Blob(['x']).stream()
  const streamed = await client.fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit)
  t.is(streamed.status, 401)
  t.is(to('refresh').length, 0)
  refuse()
  t.is((await client.fetch(new Request(url, { method: 'POST', body: 'x' }))).status, 401)
  t.is(to('refresh').length, 0)
  refuse()
  t.is((await client.fetch(url, { method: 'POST', body: 'x' })).status, 404)
  t.is(to('refresh').length, 1)
})

test('a service refuses every token as expired → one refresh in a minute', async t => {
  const { client, recording, to } = await signedIn(t.context.world, ['https://api.example.com'])
  recording.hook = ({ path }) =>
    path === '/orders' ? Promise.resolve(problemReply(401, 'TOKEN_EXPIRED')) : null
  using _later = shiftDeviceClock(6000)
  for (let i = 0; i < 5; i++) t.is((await client.fetch('https://api.example.com/orders')).status, 401)
  t.is(to('refresh').length, 1)
})
