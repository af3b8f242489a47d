import test from 'ava'
import { assertNoDuplicates, lastUntilFelt, poolOf, runFaults } from '../chaos/fault-run.ts'
import { openPostgresFaultWorld } from '../chaos/fault-world.ts'
import { lockUsers } from '../chaos/faults.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { timed } from '../proxied-instance.ts'
import { until } from '../until.ts'

const setup = await openPostgresFaultWorld()
const { world, urls, server: postgres } = setup
test.after.always(() => setup[Symbol.asyncDispose]())

const { client } = world

test.serial('Postgres hangs or waits for locks → 503 in time, and the pool recovers', async t => {
  await runFaults(t, {
    world,
    urls,
    faults: {
      'a standstill': async load => {
        await postgres.pause()
        // Longer than a read and a new connection wait together.
        await lastUntilFelt(load, 6000)
        await postgres.resume()
      },
      'a locked table': async load => {
        const release = await lockUsers(postgres.url)
        await lastUntilFelt(load, 3500)
        await release()
      },
    },
  })
  await assertNoDuplicates(t, world)
})

test.serial('every connection of the pool is taken → 503 soon, and no request waits for long', async t => {
  // Three registrations start every hash thread beforehand.
  const [account] = await Promise.all([anAccount(client), anAccount(client), anAccount(client)])
  const { access, email } = account
  const pool = poolOf(world.deps.database)
  const release = await lockUsers(postgres.url)
  const flood = Array.from({ length: 120 }, (_, i) =>
    timed(
      i % 3 === 0
        ? client.post('login', { email, password })
        : i % 3 === 1
          ? client.get('me', { token: access })
          : client.post('register', { email: anEmail(), password }),
    ),
  )
  await until('the pool to be exhausted', () => pool.totalCount === 10 && pool.waitingCount > 20)
  const answers = await Promise.all(flood)
  t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
  // Five seconds, and some more for a busy machine.
  t.true(Math.max(...answers.map(({ took }) => took)) < 8000)
  t.true(answers.every(({ reply }) => Number(reply.headers.get('retry-after')) >= 1))
  t.is(pool.waitingCount, 0, 'no answered request still waits')
  t.is((await client.get('/livez')).status, 200)
  t.is((await client.get('/.well-known/paseto-keys')).status, 200)

  await release()
  await until('every request to be served', async () => {
    const again = Array.from({ length: 40 }, () => client.get('me', { token: access }))
    return (await Promise.all(again)).every(({ status }) => status === 200)
  })
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
})
