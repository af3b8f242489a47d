import test from 'ava'
import type { Client, Reply } from '../client.ts'
import { anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { aPlace, guess, loginFrom, wrong } from './stranger.ts'

// A stolen access token must not be a way round the waits: each route that asks for the password once more counts.

const world = await openWorld({ env: { RATE_LIMITS: 'mail=1000/1h,mail_ip=1000/1h', TRUSTED_PROXIES: '1' } })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, sql } = world

const anOwner = async () => {
  const email = anEmail()
  const { body } = await client.post('register', { email, password }, { headers: aPlace() })
  return { email, userId: body.user.id as string, token: body.access_token as string }
}

type Ask = (client: Client, token: string, given: string) => Promise<Reply>
const send =
  (method: string, path: string, bodyOf: (given: string) => object): Ask =>
  (on, token, given) =>
    on.send(method, path, { token, body: bodyOf(given), headers: aPlace() })

const routes: Record<string, Ask> = {
  'POST change-password': send('POST', 'change-password', given => ({
    current_password: given,
    new_password: 'another horse 10',
  })),
  'PUT change-password': send('PUT', 'change-password', given => ({
    current_password: given,
    new_password: 'another horse 10',
  })),
  'change-email': send('POST', 'change-email', given => ({ current_password: given, new_email: anEmail() })),
  'DELETE me': send('DELETE', 'me', given => ({ password: given })),
}

for (const [name, ask] of Object.entries(routes)) {
  test.serial(`${name}: five wrong passwords are free, then the right one waits too`, async t => {
    const { userId, token } = await anOwner()
    for (let i = 0; i < 5; i++) t.is((await ask(client, token, `${wrong}${i}`)).status, 403)
    const held = await ask(client, token, password)
    t.is(held.status, 429)
    t.true(Number(held.headers.get('retry-after')) <= 30)
    const refused = `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.refused'`
    t.is((await sql(refused, [userId])).length, 5)
    clock.shift += 31_000
    t.true([200, 202, 204].includes((await ask(client, token, password)).status))
  })

  test.serial(`${name}: strangers who guess at the login do not hold it up`, async t => {
    const { email, token } = await anOwner()
    await guess(client, email, 6)
    t.true([200, 202, 204].includes((await ask(client, token, password)).status))
  })
}

test.serial('all of them share one budget, and another session of the user has its own', async t => {
  const { email, token } = await anOwner()
  const second = (await loginFrom(client, email, password)).body.access_token as string
  const asks = Object.values(routes)
  for (const ask of asks) t.is((await ask(client, token, wrong)).status, 403)
  t.is((await asks[0]?.(client, token, wrong))?.status, 403)
  for (const ask of asks) t.is((await ask(client, token, password)).status, 429)
  t.is((await routes['change-email']?.(client, second, password))?.status, 202)
  t.is((await loginFrom(client, email, password)).status, 200, 'nor is the login held up')
})
