import { once } from 'node:events'
import { Agent, request } from 'node:http'
import test from 'ava'
import { openClient } from '../../client.ts'
import { readFeed, requestFeed } from '../../integration/revocations/feed-reader.ts'
import { openLocalWorld } from '../../local-world.ts'
import { timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const agent = new Agent({ keepAlive: true, maxSockets: 4 })

const ask = async (url: string, method: string, body?: object) => {
  const sent = request(url, { agent, method, headers: { 'content-type': 'application/json' } })
  sent.end(body && JSON.stringify(body))
  const [reply] = await once(sent, 'response')
  reply.resume()
  await once(reply, 'end')
  return { status: reply.statusCode, connection: reply.headers.connection }
}

test('SIGTERM → readyz reports draining, open requests finish, connections close, and the process exits', async t => {
  const { child, lines } = world.spawn('api', { LOG_LEVEL: 'info', BCRYPT_COST: '12' })
  const port = await until('the API to listen', () => /"port":(\d+)/.exec(lines.join('\n'))?.[1], 50_000)
  const url = `http://127.0.0.1:${port}`
  t.is((await ask(`${url}/livez`, 'GET')).connection, 'keep-alive')
  const { cursor } = await readFeed(openClient(url))
  const waiting = timed(requestFeed(openClient(url), cursor))
  const inFlight = ask(`${url}/api/v1/auth/login`, 'POST', {
    email: 'ann@example.com',
    password: 'wrong horse 9',
  })
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const drained = await until('readyz to report draining', async () => {
    const reply = await fetch(`${url}/readyz`)
    return reply.status === 503 && { body: await reply.json(), connection: reply.headers.get('connection') }
  })
  t.is((drained.body as { status: string }).status, 'draining')
  t.is(drained.connection, 'close')
  t.is((await ask(`${url}/livez`, 'GET')).status, 200)
  t.is((await inFlight).status, 401)
  const { reply, took } = await waiting
  t.is(reply.status, 200)
  t.true(took < 20_000, 'a request that waits for news is answered at once')
  t.deepEqual(await ended, [0, null])
  await t.throwsAsync(fetch(`${url}/livez`))
})
