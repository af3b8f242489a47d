import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { requireAuth } from '../../packages/guard/src/node.ts'
import { createVerifier } from '../../packages/guard/src/verifier.ts'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { openBalancer } from '../chaos/balancer.ts'
import { isSlow503 } from '../chaos/invariants.ts'
import { anApi, aWorker } from '../chaos/processes.ts'
import { type Client, openClient, type Reply } from '../client.ts'
import { type Account, anAccount, anEmail, tokenOf } from '../fixtures.ts'
import { runCommand } from '../integration/cli/run-command.ts'
import { openLocalWorld } from '../local-world.ts'
import { testSecret } from '../template.ts'
import { until } from '../until.ts'

const newSecret = 'of-tests-alone-Qe4Hn6Ws1Zt8Xk3Jm5Rv'

const balancer = await openBalancer()
const world = await openLocalWorld({ timeouts, env: { PUBLIC_URL: balancer.url, LOG_LEVEL: 'info' } })
/** 503s of an overloaded machine, which answers late without any fault: clients retry them. */
let slow503s = 0
const retrying = (client: Client): Client => {
  const send: Client['send'] = async (...request) => {
    for (;;) {
      const began = performance.now()
      const reply = await client.send(...request)
      if (!isSlow503({ status: reply.status, ms: performance.now() - began })) return reply
      slow503s++
      await sleep(200)
    }
  }
  return {
    send,
    get: (path, options) => send('GET', path, options),
    post: (path, body, options) => send('POST', path, { ...options, body }),
    patch: (path, body, options) => send('PATCH', path, { ...options, body }),
  }
}
const client = retrying(openClient(balancer.url))
// Connections stay open: one that the server closes while a request is on its way would look like a failed request.
const guarded = createServer({ keepAliveTimeout: 120_000 }, (request, reply) =>
  requireAuth(createOnce())(request, reply, () => reply.end('{}')),
).listen(0, '127.0.0.1')
await once(guarded, 'listening')
const service = retrying(openClient(`http://127.0.0.1:${(guarded.address() as AddressInfo).port}`))
test.after.always(async () => {
  guarded.close()
  await world[Symbol.asyncDispose]()
  await balancer[Symbol.asyncDispose]()
})

let verifier: ReturnType<typeof createVerifier> | null = null
const createOnce = () => {
  verifier ??= createVerifier({ issuer: balancer.url })
  return verifier
}

/** Two API processes and two workers. `replace` gives each another APP_SECRET, one after the other. */
const openFleet = async (t: ExecutionContext) => {
  const start = async (APP_SECRET: string) => {
    const [api, worker] = await Promise.all([anApi(world, { APP_SECRET }), aWorker(world, { APP_SECRET })])
    return { api, worker }
  }
  type Pair = Awaited<ReturnType<typeof start>>
  const pairs = await Promise.all([start(testSecret), start(testSecret)])
  const balance = async () => {
    const urls = pairs.map(({ api }) => api.url)
    balancer.setInstances(urls)
    await until('both instances to be ready', () => urls.every(url => balancer.ready().includes(url)), 50_000)
  }
  const stop = async ({ api, worker }: Pair) => {
    const children = [api.child, worker.child]
    const ended = Promise.all(children.map(child => once(child, 'exit')))
    for (const child of children) child.kill('SIGTERM')
    const codes = (await ended).map(([code]) => code)
    t.deepEqual(codes, [0, 0], 'the processes end in order')
  }
  await balance()
  return {
    replace: async (APP_SECRET: string) => {
      const ending: Promise<void>[] = []
      for (const at of [0, 1] as const) {
        const old = pairs[at]
        const next = await start(APP_SECRET)
        // Both run and get requests before the old one ends.
        balancer.setInstances([...pairs.map(({ api }) => api.url), next.api.url])
        await until('the new instance to be ready', () => balancer.ready().includes(next.api.url), 50_000)
        pairs[at] = next
        ending.push(stop(old))
      }
      await Promise.all(ending)
      await balance()
    },
    lines: () => pairs.flatMap(({ api, worker }) => [...api.lines, ...worker.lines]),
  }
}

/** Clients that keep one session each, refresh in two tabs at once, and use each access token here and at the service. */
const startClients = (accounts: readonly Account[]) => {
  let isOver = false
  const refusals: string[] = []
  const counts = { refreshed: 0, me: 0, guarded: 0 }
  const expectOk = (what: string, { status, body }: Reply): boolean => {
    if (status !== 200) refusals.push(`${what}: ${status} ${body?.code ?? ''}`)
    return status === 200
  }
  const run = async (account: Account): Promise<void> => {
    let { access: token, refresh: refresh_token } = account
    while (!isOver) {
      for (let use = 0; use < 2 && !isOver; use++) {
        if (expectOk('me', await client.get('me', { token }))) counts.me++
        if (expectOk('guarded', await service.get('/', { token }))) counts.guarded++
      }
      const tabs = await Promise.all([1, 2].map(() => client.post('refresh', { refresh_token })))
      if (!tabs.every(reply => expectOk('refresh', reply))) return
      const [one, other] = tabs.map(({ body }) => body)
      if (one.refresh_token !== other.refresh_token) refusals.push('two tabs got different refresh tokens')
      token = one.access_token
      refresh_token = one.refresh_token
      counts.refreshed++
      await sleep(40)
    }
  }
  const running = Promise.all(accounts.map(run)).catch(error => refusals.push(String(error)))
  return {
    refusals,
    counts,
    stop: async () => {
      isOver = true
      await running
    },
  }
}

/** Registers users one after the other, uses the link of each email, and signs out. */
const startRegistrations = () => {
  let isOver = false
  const faults: string[] = []
  let verified = 0
  const register = async (): Promise<void> => {
    const { email, refresh } = await anAccount(client, { email: anEmail() })
    const { link } = await world.mails.to(email)
    const { status, body } = await client.post('verify-email', { token: tokenOf(link) })
    if (status === 200) verified++
    else faults.push(`verify-email: ${status} ${body?.code ?? ''}`)
    const signedOut = await client.post('logout', { refresh_token: refresh })
    if (signedOut.status !== 204) faults.push(`logout: ${signedOut.status}`)
  }
  const run = async (): Promise<void> => {
    while (!isOver) {
      const before = slow503s
      // A registration that was answered by a 503 may have taken effect, so its retry finds the address in use.
      await register().catch(error => {
        if (slow503s === before) faults.push(String(error))
      })
    }
  }
  const running = run()
  return {
    faults,
    verified: () => verified,
    stop: async () => {
      isOver = true
      await running
    },
  }
}

/** Waits until `latchkey secrets status` says that the old secret may be dropped. */
const untilDroppable = async (env: Record<string, string>): Promise<void> => {
  let shown = ''
  const isDroppable = async () => {
    const { out, json } = await runCommand(env, ['secrets', 'status', '--json'])
    shown = out
    return json?.may_be_dropped_at && Date.parse(json.may_be_dropped_at) <= Date.now()
  }
  await until('the old secret to be droppable', isDroppable).catch(error => {
    throw new Error(`${error.message}: ${shown}`)
  })
}

test('APP_SECRET and signing key change under load → no request is refused, no session or email is lost', async t => {
  const fleet = await openFleet(t)
  const accounts = await Promise.all(Array.from({ length: 6 }, () => anAccount(client)))
  // Their links were sent under the old secret, and are used under the new one.
  const mails = await Promise.all(accounts.map(({ email }) => world.mails.to(email)))
  const clients = startClients(accounts)
  const registrations = startRegistrations()
  t.teardown(() => Promise.all([clients.stop(), registrations.stop()]))

  await fleet.replace(`${testSecret},${newSecret}`)
  const env = { ...world.env, APP_SECRET: `${newSecret},${testSecret}` }
  const rotated = runCommand(env, ['keys', 'rotate', '--now', '--json'])
  await fleet.replace(`${newSecret},${testSecret}`)
  const { json: key, err } = await rotated
  t.is(key?.status, 'signing', err)
  for (const { link } of mails)
    t.is((await client.post('verify-email', { token: tokenOf(link) })).status, 200, 'an old link works')
  await untilDroppable(env)
  await fleet.replace(newSecret)
  const before = { ...clients.counts, verified: registrations.verified() }
  await until('requests under the new secret alone', () => clients.counts.refreshed > before.refreshed + 12)
  await until('an email under the new secret alone', () => registrations.verified() > before.verified)
  await Promise.all([clients.stop(), registrations.stop()])

  t.deepEqual(clients.refusals, [])
  t.deepEqual(registrations.faults, [])
  t.deepEqual(balancer.errors, [])
  t.deepEqual(
    await world.sql(`SELECT kind, status FROM emails WHERE status <> 'sent'`),
    [],
    'every email was delivered',
  )
  t.deepEqual(await world.sql(`SELECT 1 FROM audit_events WHERE type = 'session.reused'`), [])
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  t.is(keys.find(({ status }: { status: string }) => status === 'signing').kid, key.kid)
  const log = fleet.lines().join('\n')
  for (const secret of [testSecret, newSecret]) t.false(log.includes(secret))
})
