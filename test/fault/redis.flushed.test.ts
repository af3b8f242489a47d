import test from 'ava'
import { openAdmin, runFaults, untilServed } from '../chaos/fault-run.ts'
import { openRedisFaultWorld } from '../chaos/fault-world.ts'
import { isSlow503 } from '../chaos/invariants.ts'
import { anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { until } from '../until.ts'

const setup = await openRedisFaultWorld()
const { world, urls, server: redis, other } = setup
const admin = openAdmin(redis.url)
test.after.always(async () => {
  await setup[Symbol.asyncDispose]()
  admin.disconnect()
})

const { client, mails } = world
const busy = Object.assign(new Error('try later'), { responseCode: 451 })

test.serial(
  'Redis loses all data under load → sessions end, ended ones stay ended, and no email is lost',
  async t => {
    const kept = await anAccount(client)
    const signedOut = await anAccount(client)
    const everywhere = await anAccount(client)
    const stolen = await anAccount(client)
    t.is((await client.post('logout', { refresh_token: signedOut.refresh })).status, 204)
    t.is((await client.post('logout-all', undefined, { token: everywhere.access })).status, 204)
    const next = (await client.post('refresh', { refresh_token: stolen.refresh })).body
    await client.post('refresh', { refresh_token: next.refresh_token })
    t.is((await client.post('refresh', { refresh_token: stolen.refresh })).status, 401)
    const email = anEmail()

    const tryAll = async () => {
      for (const by of [client, other.client])
        for (const { access, refresh } of [kept, signedOut, everywhere, stolen]) {
          const next = await untilServed(() => by.post('refresh', { refresh_token: refresh }))
          t.is(next.body.code, 'INVALID_REFRESH_TOKEN')
          t.is((await untilServed(() => by.get('me', { token: access }))).body.code, 'SESSION_REVOKED')
        }
    }

    await runFaults(t, {
      world,
      urls,
      faults: {
        FLUSHALL: async load => {
          // Jobs that wait at that moment are lost too.
          await mails.answer(busy)
          t.is((await client.post('register', { email, password })).status, 201)
          await until(
            'a job to wait for its next try',
            async () => (await world.deps.queue.open().getDelayedCount()) > 0,
          )
          const before = await untilServed(() => client.post('refresh', { refresh_token: kept.refresh }))
          t.is(before.status, 200, 'the session works until FLUSHALL')
          await admin.multi().flushall().script('FLUSH').exec()
          await tryAll()
          await mails.answer(null)
          await load.served(20)
          await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
        },
        'FLUSHALL again during logins': async load => {
          await admin.flushall()
          await load.served(20)
        },
      },
      allowed: { sessionsLost: true },
    })
    await tryAll()
    await mails.to(email)
    // Redis may have lost the link. A user who requests another gets a valid one.
    const sent = mails.caught.filter(({ to }) => to.includes(email)).length
    t.is((await client.post('resend-verification', { email })).status, 202)
    const { link } = await mails.to(email, sent + 1)
    const verified = await untilServed(() => client.post('verify-email', { token: tokenOf(link) }))
    t.is(verified.status, 200)
  },
)

test.serial('Redis loses its scripts under load → they are sent again, and no client notices', async t => {
  const answers = await runFaults(t, {
    world,
    urls,
    faults: {
      'SCRIPT FLUSH': async load => {
        for (let i = 0; i < 5; i++) {
          await admin.script('FLUSH')
          await load.served(10)
        }
      },
    },
  })
  const refused = answers['SCRIPT FLUSH']?.filter(answer => answer.status === 503 && !isSlow503(answer))
  t.deepEqual(refused, [])
})
