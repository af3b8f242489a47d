import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { isStarved } from './invariants.ts'
import { openOwnRedis } from './servers.ts'
import { openAdmin, roomyLimits, settled, storm, takeTurn } from './storm.ts'

const turn = await takeTurn('redis')
const redis = await openOwnRedis()
const admin = openAdmin(redis.url)
const world = await openLocalWorld({
  timeouts,
  worker: true,
  servers: { redisUrl: redis.url },
  env: { RATE_LIMITS: roomyLimits },
})
const other = await world.instance()
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  admin.disconnect()
  await redis[Symbol.asyncDispose]()
  await turn[Symbol.asyncDispose]()
})

const { client, mails } = world
const busy = Object.assign(new Error('try later'), { responseCode: 451 })

test.serial(
  'a Redis that forgets everything under load logs out, revives nothing, and loses no mail',
  async t => {
    const kept = await anAccount(client)
    const left = await anAccount(client)
    const everywhere = await anAccount(client)
    const stolen = await anAccount(client)
    t.is((await client.post('logout', { refresh_token: left.refresh })).status, 204)
    t.is((await client.post('logout-all', undefined, { token: everywhere.access })).status, 204)
    const next = (await client.post('refresh', { refresh_token: stolen.refresh })).body
    await client.post('refresh', { refresh_token: next.refresh_token })
    t.is((await client.post('refresh', { refresh_token: stolen.refresh })).status, 401)
    const waiting = anEmail()

    const tryAll = async () => {
      for (const by of [client, other.client])
        for (const { access, refresh } of [kept, left, everywhere, stolen]) {
          const next = await settled(() => by.post('refresh', { refresh_token: refresh }))
          t.is(next.body.code, 'INVALID_REFRESH_TOKEN')
          t.is((await settled(() => by.get('me', { token: access }))).body.code, 'SESSION_REVOKED')
        }
    }

    await storm(t, {
      world,
      urls: [world.url, other.url],
      gusts: {
        FLUSHALL: async crowd => {
          // Jobs that wait at that moment are lost with all the rest.
          await mails.answer(busy)
          t.is((await client.post('register', { email: waiting, password })).status, 201)
          await until(
            'a job waits for its next try',
            async () => (await world.deps.queue.getDelayedCount()) > 0,
          )
          const before = await settled(() => client.post('refresh', { refresh_token: kept.refresh }))
          t.is(before.status, 200, 'until then')
          await admin.multi().flushall().script('FLUSH').exec()
          await tryAll()
          await mails.answer(null)
          await crowd.served(20)
          await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
        },
        'FLUSHALL once more, amid logins': async crowd => {
          await admin.flushall()
          await crowd.served(20)
        },
      },
      excepted: { sessionsLost: true },
    })
    await tryAll()
    await mails.to(waiting)
    // Its link may have been forgotten with the rest: whoever asks again gets one that works.
    const sent = mails.caught.filter(({ to }) => to.includes(waiting)).length
    t.is((await client.post('resend-verification', { email: waiting })).status, 202)
    const { link } = await mails.to(waiting, sent + 1)
    const verified = await settled(() => client.post('verify-email', { token: tokenOf(link) }))
    t.is(verified.status, 200)
  },
)

test.serial('a Redis that forgets its scripts under load is told them again, and nobody notices', async t => {
  const met = await storm(t, {
    world,
    urls: [world.url, other.url],
    gusts: {
      'SCRIPT FLUSH': async crowd => {
        for (let i = 0; i < 5; i++) {
          await admin.script('FLUSH')
          await crowd.served(10)
        }
      },
    },
  })
  const refused = met['SCRIPT FLUSH']?.filter(answer => answer.status === 503 && !isStarved(answer))
  t.deepEqual(refused, [])
})
