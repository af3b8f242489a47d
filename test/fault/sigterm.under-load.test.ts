import { once } from 'node:events'
import { Agent, type ClientRequest, request } from 'node:http'
import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { type ApiProcess, anApi, aWorker } from '../chaos/processes.ts'
import { anAccount, password } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { openProxy } from '../proxy.ts'
import { until } from '../until.ts'

const world = await openLocalWorld({ timeouts, singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Result = { status: number | undefined; closes: boolean }

const answerTo = async (sent: ClientRequest): Promise<Result> => {
  const [reply] = await once(sent, 'response')
  reply.resume()
  await once(reply, 'end')
  return { status: reply.statusCode, closes: reply.headers.connection === 'close' }
}

/** Sends requests over one connection until an answer closes it. */
const keepAsking = async (
  { url }: ApiProcess,
  path: string,
  token: string,
  body?: object,
): Promise<Result[]> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const answers: Result[] = []
  try {
    while (!answers.at(-1)?.closes) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
      const sent = request(`${url}/api/v1/auth/${path}`, { agent, method: body ? 'POST' : 'GET', headers })
      sent.end(body && JSON.stringify(body))
      answers.push(await answerTo(sent))
    }
    return answers
  } finally {
    agent.destroy()
  }
}

test('SIGTERM to an API under load → it answers every request, reports that it drains, and exits with 0', async t => {
  const api = await anApi(world, { LOG_LEVEL: 'info' })
  const account = await anAccount(world.client)
  const { email, access } = account
  const clients = Promise.all([
    ...Array.from({ length: 6 }, () => keepAsking(api, 'me', access)),
    ...Array.from({ length: 3 }, () => keepAsking(api, 'login', '', { email, password })),
    keepAsking(api, 'forgot-password', '', { email }),
  ])
  // Its body is sent once the process has stopped listening.
  const slow = request(`${api.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'keep-alive' },
  })
  slow.write(`{"email": "${email}", `)
  const slowAnswer = answerTo(slow)
  await until(
    '60 requests to be answered',
    () => api.lines.filter(line => line.includes('"request"')).length > 60,
  )

  const ended = once(api.child, 'exit')
  const began = performance.now()
  api.child.kill('SIGTERM')
  const ready = await until('readyz to report draining', async () => {
    const reply = await api.client.get('/readyz')
    return reply.status === 503 && reply
  })
  t.is(ready.body.status, 'draining')
  t.is((await api.client.get('me', { token: access })).status, 200, 'it serves until balancers have noticed')

  const answers = await clients
  for (const each of answers) {
    t.true(
      each.every(({ status }) => status === 200 || status === 202),
      JSON.stringify(each.slice(-3)),
    )
    t.is(each.filter(({ closes }) => closes).length, 1)
  }
  await until('new connections to be refused', () =>
    fetch(`${api.url}/livez`).then(
      () => false,
      () => true,
    ),
  )
  slow.end(`"password": "${password}"}`)
  t.deepEqual(await slowAnswer, { status: 200, closes: true })
  t.deepEqual(await ended, [0, null])
  t.true(performance.now() - began < 20_000)
})

for (const store of ['REDIS_URL', 'DATABASE_URL'] as const)
  for (const fault of ['cut', 'pause'] as const)
    test(`SIGTERM to an API while ${store} is ${fault === 'cut' ? 'down' : 'silent'} → it exits in time`, async t => {
      const { hostname, port } = new URL(world.config[store])
      await using proxy = await openProxy(hostname, Number(port))
      const api = await anApi(world, { [store]: proxy.through(world.config[store]) })
      const { access } = await anAccount(world.client)
      await until(
        'the API to answer',
        async () => (await api.client.get('me', { token: access })).status === 200,
      )
      proxy[fault]()
      const inFlight = Promise.all(
        Array.from({ length: 5 }, () => api.client.get('me', { token: access }).then(({ status }) => status)),
      )
      const ended = once(api.child, 'exit')
      const began = performance.now()
      api.child.kill('SIGTERM')
      const statuses = await inFlight
      t.deepEqual([...new Set(statuses)], [503])
      const [code] = await ended
      const took = performance.now() - began
      t.is(code, 0)
      t.true(took < 15_000, `it took ${took} ms`)
    })

test('SIGTERM to a worker during a delivery → it finishes the delivery', async t => {
  await using own = await openLocalWorld({ timeouts, singleRedis: true })
  await using proxy = await openProxy('127.0.0.1', Number(new URL(own.mails.url).port))
  proxy.pause()
  const { child, lines } = await aWorker(own, { SMTP_URL: proxy.through(own.mails.url) })
  const { email } = await anAccount(own.client)
  const row = async () =>
    (
      await own.sql<{ status: string; attempts: number }>('SELECT * FROM emails WHERE recipient = $1', [
        email,
      ])
    )[0]
  await until('the delivery to begin', async () => (await row())?.attempts === 1)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await until('the worker to begin closing', () => lines.some(line => line.includes('"closing"')))
  proxy.heal()
  t.is((await own.mails.to(email)).to[0], email)
  t.deepEqual(await ended, [0, null])
  t.like(await row(), { status: 'sent', attempts: 1 })
  t.is(own.mails.caught.length, 1)
})
