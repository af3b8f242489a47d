import test from 'ava'
import { anAccount, anEmail, password, recentYears } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

const world = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, mails, sql } = world
const chrome = (version: number) =>
  `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'
const home = '198.51.100.7'

const from = (userAgent: string, address: string) => ({
  headers: { 'user-agent': userAgent, 'x-forwarded-for': address },
})
const login = (email: string, userAgent: string, address = home, given = password) =>
  client.post('login', { email, password: given }, from(userAgent, address))

// Registers from Chrome at the home IP address.
const aUser = async (more: Record<string, unknown> = {}) => {
  const email = anEmail()
  const { status, body } = await client.post(
    'register',
    { email, password, ...more },
    from(chrome(140), home),
  )
  if (status !== 201) throw new Error(`register answered ${status}`)
  return { email, userId: body.user.id as string }
}

// The notice is queued in the transaction of its login, so its row exists as soon as the login is answered.
const noticesOf = async (userId: string): Promise<number> =>
  (await sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'new_device'`, [userId])).length

test('login from the device that registered → no new-device email', async t => {
  const { email, userId } = await aUser()
  t.is((await login(email, chrome(140))).status, 200)
  t.is(await noticesOf(userId), 0)
})

test('no device known yet → the first login sends no new-device email', async t => {
  const { email, userId } = await aUser()
  await world.redis.del(world.keys.seen(userId))
  t.is((await login(email, firefox)).status, 200)
  t.is(await noticesOf(userId), 0)
})

for (const [what, userAgent, address] of [
  ['browser', firefox, home],
  ['network', chrome(140), '203.0.113.9'],
] as const)
  test(`first login from another ${what} → one new-device email`, async t => {
    const { email, userId } = await aUser()
    t.is((await login(email, userAgent, address)).status, 200)
    t.is(await noticesOf(userId), 1)
    for (let i = 0; i < 2; i++) t.is((await login(email, userAgent, address)).status, 200)
    t.is((await login(email, chrome(140))).status, 200)
    t.is(await noticesOf(userId), 1)
  })

test('several addresses of one IPv6 /64 → one new-device email', async t => {
  const { email, userId } = await aUser()
  await login(email, firefox, '2001:db8:a:b::1')
  await login(email, firefox, '2001:db8:a:b:c:d:e:f')
  t.is(await noticesOf(userId), 1)
  await login(email, firefox, '2001:db8:a:c::1')
  t.is(await noticesOf(userId), 2)
})

test('a new version of a known browser → no new-device email', async t => {
  const { email, userId } = await aUser()
  for (const version of [141, 150]) t.is((await login(email, chrome(version))).status, 200)
  t.is(await noticesOf(userId), 0)
})

test('failed logins from a device → the device stays unknown', async t => {
  const { email, userId } = await aUser()
  for (let i = 0; i < 3; i++) t.is((await login(email, firefox, home, 'not it')).status, 401)
  t.is(await noticesOf(userId), 0, 'no login succeeded')
  t.is((await login(email, firefox)).status, 200)
  t.is(await noticesOf(userId), 1)
})

test('device known to one user → still new to another user', async t => {
  const [first, second] = [await aUser(), await aUser()]
  await login(first.email, firefox)
  await login(second.email, firefox)
  t.is(await noticesOf(second.userId), 1)
})

test('login fails because the notice cannot be written → the next login sends the notice', async t => {
  const { email, userId } = await aUser()
  // Makes the notice fail for this user only.
  await sql(
    `ALTER TABLE emails ADD CONSTRAINT fault CHECK (kind <> 'new_device' OR user_id <> '${userId}') NOT VALID`,
  )
  t.true((await login(email, firefox)).status >= 500)
  t.is(await noticesOf(userId), 0)
  await sql('ALTER TABLE emails DROP CONSTRAINT fault')
  t.is((await login(email, firefox)).status, 200)
  t.is(await noticesOf(userId), 1)
})

test('Redis lost all known devices → at most one new-device email for each other device', async t => {
  const { email, userId } = await aUser()
  const devices = [chrome(140), firefox]
  for (const device of devices) await login(email, device)
  t.is(await noticesOf(userId), 1)
  await world.redis.del(world.keys.seen(userId))
  await login(email, chrome(140))
  t.is(await noticesOf(userId), 1, 'the first device is not new, because no device is known')
  for (let i = 0; i < 3; i++) for (const device of devices) await login(email, device)
  t.is(await noticesOf(userId), 2, 'one more notice for each other device')
})

test('new-device email → date, IP address and parsed browser, but no raw user agent text', async t => {
  const device =
    '<a href=evil>Call us</a> Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  const { email } = await aUser({ full_name: 'Ana López' })
  t.is((await login(email, device, '203.0.113.9')).status, 200)
  const { mail, to } = await until('the notice', async () =>
    (await mails.sentTo(email)).find(({ mail }) => /new sign-in/i.test(mail.subject ?? '')),
  )
  t.deepEqual(to, [email])
  const { text = '', html = '' } = mail
  t.regex(text, /Ana López/)
  for (const part of [text, html]) {
    t.true(part.includes('203.0.113.9'))
    t.true(recentYears().some(year => part.includes(year)))
  }
  for (const part of [text, html]) {
    t.true(part.includes('Firefox, Linux'))
    t.notRegex(part, /evil|Call us|rv:140/)
  }
})

test('known devices are stored as short hashes that expire, without address or browser', async t => {
  const account = await anAccount(client)
  const kept = await world.redis.zrange(world.keys.seen(account.userId), 0, -1)
  t.is(kept.length, 1)
  for (const device of kept) t.regex(device, /^[\w-]{22}$/)
  const ttl = await world.redis.ttl(world.keys.seen(account.userId))
  t.true(ttl > 0 && ttl <= 400 * 86_400)
})
