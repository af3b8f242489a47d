import test from 'ava'
import type { Pool } from 'pg'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { watchRedis } from '../redis-watch.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

test.serial('a process that lives says so, and asks nobody', async t => {
  const pool = (world.deps.database.driver as PostgresDriver).master as Pool
  let acquired = 0
  const count = () => acquired++
  pool.on('acquire', count)
  await using watch = await watchRedis(world)
  const { status, body, headers } = await world.client.get('/livez')
  t.deepEqual([status, body], [200, { status: 'alive' }])
  t.is(headers.get('cache-control'), 'no-store')
  t.is(acquired, 0)
  t.deepEqual(await watch.seen(), [])
  pool.off('acquire', count)
})

test.serial('readiness names each store', async t => {
  const { status, body, headers } = await world.client.get('/readyz')
  t.is(status, 200)
  t.deepEqual(body, {
    status: 'ready',
    checks: { postgres: 'up', redis: 'up', queue: 'up' },
    oldest_unsent_mail_seconds: 0,
  })
  t.is(headers.get('cache-control'), 'no-store')
})

// Nobody needs credentials to ask: each question must not become several to the stores.
test.serial('however many ask for readiness, the stores are asked about once a second', async t => {
  const pool = (world.deps.database.driver as PostgresDriver).master as Pool
  let acquired = 0
  pool.on('acquire', () => acquired++)
  await using watch = await watchRedis(world)
  const began = performance.now()
  const replies = await Promise.all(Array.from({ length: 60 }, () => world.client.get('/readyz')))
  const seconds = (performance.now() - began) / 1000
  for (const { status } of replies) t.is(status, 200)
  const atMost = Math.floor(seconds) + 2
  t.true(acquired <= 2 * atMost, `${acquired} in ${seconds} s`)
  const rounds = (await watch.seen()).filter(([name]) => name === 'evalsha' || name === 'eval').length
  t.true(rounds <= atMost, `${rounds} in ${seconds} s`)
})
