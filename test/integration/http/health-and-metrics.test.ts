import anyTest from 'ava'
import type { Pool } from 'pg'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { counters } from '../../../src/modules.ts'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { gauges } from '../../../src/platform/catalog/metrics.ts'
import { serveMetrics } from '../../../src/platform/health/metrics.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { until } from '../../until.ts'

// Health checks and metrics.

const test = anyTest.serial

const metricsWorld = await openLocalWorld({
  singleRedis: true,
  env: { METRICS_PORT: '0', RATE_LIMITS: 'register=100/1h' },
})
const proxied = await openProxiedInstance(metricsWorld)
const metricsServers = {
  own: await serveMetrics(metricsWorld.deps),
  proxied: await serveMetrics(proxied.deps),
}
const healthWorld = await openLocalWorld()
anyTest.after.always(async () => {
  for (const each of [metricsServers.own, metricsServers.proxied, proxied, metricsWorld, healthWorld])
    await each?.[Symbol.asyncDispose]()
})

{
  const world = metricsWorld
  const textOf = async (of: 'own' | 'proxied' = 'own') =>
    (await fetch(`http://127.0.0.1:${metricsServers[of]?.port}/metrics`)).text()
  /** The value of one sample, or undefined. */
  const sampleOf = async (line: string, of: 'own' | 'proxied' = 'own') => {
    const found = (await textOf(of)).split('\n').find(each => each.startsWith(`${line} `))
    return found === undefined ? undefined : Number(found.slice(line.length + 1))
  }

  test('/metrics → every metric of the catalogue with its help text, and those of the process', async t => {
    const text = await textOf()
    for (const { name } of counters) t.regex(text, new RegExp(`^# HELP latchkey_${name}_total .`, 'm'))
    for (const { name } of Object.values(gauges)) t.regex(text, new RegExp(`^latchkey_${name} \\d+$`, 'm'))
    t.regex(text, /^nodejs_eventloop_lag_p99_seconds \d/m)
    t.regex(text, /^process_resident_memory_bytes \d/m)
  })

  test('request metrics → labelled by route pattern, without any text of the client', async t => {
    const { access } = await anAccount(world.client)
    await world.client.send('DELETE', 'sessions/01939b0e-0000-7000-8000-00000000cafe', { token: access })
    await world.client.get('/canary7?canary7=1')
    await world.client.send('CANARY7', '/canary7').catch(() => {})
    await world.client.post('login', { email: 'canary7@example.com', password: 'canary7 horse' })
    const text = await textOf()
    t.regex(
      text,
      /^latchkey_http_requests_total\{method="DELETE",route="\/api\/v1\/auth\/sessions\/:id",status="404"\} 1$/m,
    )
    t.regex(text, /^latchkey_http_requests_total\{method="",route="",status="404"\} 1$/m)
    t.regex(text, /^latchkey_http_request_seconds_count\{route="\/api\/v1\/auth\/login"\} 1$/m)
    t.regex(text, /^latchkey_logins_failed_total 1$/m)
    t.notRegex(text, /canary7|cafe|@|127\.0\.0\.1/)
  })

  test('unsent emails → their number and age are in readyz and in the metrics', async t => {
    await anAccount(world.client)
    t.is(
      (await world.client.get('/readyz')).body.oldest_unsent_mail_seconds,
      0,
      'a new email is not reported',
    )
    await world.sql(`UPDATE emails SET created_at = now() - interval '1 hour'`)
    const age = await until('readyz to report the age', async () => {
      const { body } = await world.client.get('/readyz')
      return body.oldest_unsent_mail_seconds > 60 && body.oldest_unsent_mail_seconds
    })
    t.true(age >= 3600 && age < 3700)
    t.true(((await sampleOf('latchkey_oldest_unsent_mail_seconds')) ?? 0) >= 3600)
    t.true(((await sampleOf('latchkey_mails_unsent')) ?? 0) >= 1)
    t.is(await sampleOf('latchkey_mails_failed'), 0)
    await world.sql(`UPDATE emails SET status = 'failed'`)
    t.true(((await sampleOf('latchkey_mails_failed')) ?? 0) >= 1)
    t.is(await sampleOf('latchkey_mails_unsent'), 0)
    t.is(await sampleOf('latchkey_oldest_unsent_mail_seconds'), 0)
  })

  test('rate limits counted in memory → one log line and one gauge change each way', async t => {
    const logLines = (words: string) => world.logs.filter(line => line.includes(words)).length
    const register = () => proxied.client.post('register', { email: anEmail(), password: 'correct horse 9' })
    t.is((await register()).status, 201)
    t.is(await sampleOf('latchkey_limiter_in_memory', 'proxied'), 0)
    proxied.redis.cut()
    for (let i = 0; i < 3; i++) t.is((await register()).status, 202)
    t.is(await sampleOf('latchkey_limiter_in_memory', 'proxied'), 1)
    t.is(await sampleOf('latchkey_limits_in_memory_total', 'proxied'), 3)
    t.is(logLines('limits are counted in memory'), 1)
    proxied.redis.heal()
    await until('limits to be counted in Redis', async () => {
      await register()
      return (await sampleOf('latchkey_limiter_in_memory', 'proxied')) === 0
    })
    t.is(logLines('limits are counted in redis again'), 1)
  })

  test('unavailable store → named in latchkey_faults_total', async t => {
    const { access, email, password } = await anAccount(world.client)
    proxied.redis.cut()
    t.is((await proxied.client.get('me', { token: access })).status, 503)
    proxied.redis.heal()
    t.is(await sampleOf('latchkey_faults_total{store="redis"}', 'proxied'), 1)
    proxied.postgres.cut()
    t.is((await proxied.client.post('login', { email, password })).status, 503)
    proxied.postgres.heal()
    t.is(await sampleOf('latchkey_faults_total{store="postgres"}', 'proxied'), 1)
    t.is(await sampleOf('latchkey_faults_total{store="redis"}', 'proxied'), 1)
  })

  test('store that does not answer → only its own gauges are missing', async t => {
    proxied.postgres.cut()
    t.is(await sampleOf('latchkey_mails_unsent', 'proxied'), undefined)
    t.is(await sampleOf('latchkey_passwords_waiting', 'proxied'), 0)
    proxied.postgres.heal()
  })

  test('METRICS_PORT → API and worker serve metrics on that port and nothing else there', async t => {
    t.is((await world.client.get('/metrics')).status, 404)
    for (const name of ['api', 'worker'] as const) {
      const { port, lines, text } = await onFreePort(undefined, async port => {
        const { lines } = world.spawn(name, { METRICS_PORT: String(port) })
        const text = await until(
          `${name} to serve its metrics`,
          () => {
            const fault = lines.find(line => line.includes('"cannot start"'))
            if (fault) throw new Error(fault)
            return fetch(`http://127.0.0.1:${port}/metrics`).then(
              reply => reply.text(),
              () => null,
            )
          },
          50_000,
        )
        return { port, lines, text }
      })
      t.regex(text, /^latchkey_mails_unsent \d+$/m)
      t.is((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
      t.is((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status, 404)
      t.false(lines.some(line => line.includes('"level":"error"')))
    }
  })
}

{
  const world = healthWorld
  test('GET /livez → alive without a query to Postgres or Redis', async t => {
    const pool = (world.deps.database.driver as PostgresDriver).master as Pool
    let acquired = 0
    const count = () => acquired++
    pool.on('acquire', count)
    await using watch = await monitorRedis(world)
    const { status, body, headers } = await world.client.get('/livez')
    t.deepEqual([status, body], [200, { status: 'alive' }])
    t.is(headers.get('cache-control'), 'no-store')
    t.is(acquired, 0)
    t.deepEqual(await watch.seen(), [])
    pool.off('acquire', count)
  })

  test('GET /readyz → the state of each store', async t => {
    const { status, body, headers } = await world.client.get('/readyz')
    t.is(status, 200)
    t.deepEqual(body, {
      status: 'ready',
      checks: { postgres: 'up', redis: 'up', queue: 'up' },
      oldest_unsent_mail_seconds: 0,
    })
    t.is(headers.get('cache-control'), 'no-store')
  })

  // The route needs no credentials, so requests must not multiply into queries to the stores.
  test('sixty concurrent GET /readyz → the stores are queried about once a second', async t => {
    const pool = (world.deps.database.driver as PostgresDriver).master as Pool
    let acquired = 0
    pool.on('acquire', () => acquired++)
    await using watch = await monitorRedis(world)
    const began = performance.now()
    const replies = await Promise.all(Array.from({ length: 60 }, () => world.client.get('/readyz')))
    const seconds = (performance.now() - began) / 1000
    for (const { status } of replies) t.is(status, 200)
    const atMost = Math.floor(seconds) + 2
    t.true(acquired <= 2 * atMost, `${acquired} in ${seconds} s`)
    const rounds = (await watch.seen()).filter(([name]) => name === 'evalsha' || name === 'eval').length
    t.true(rounds <= atMost, `${rounds} in ${seconds} s`)
  })
}
