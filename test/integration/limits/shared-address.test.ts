import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Many users behind one IP address: logins from known devices do not use up the limit of the address.

const test = anyTest.serial

const world = await openWorld({
  env: { RATE_LIMITS: 'register=1000/1h,login=3/15m,login_device=4/15m', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'
let ips = 0
const newIp = () => `198.51.100.${++ips}`

const from = (ip: string, userAgent = firefox) => ({
  headers: { 'x-forwarded-for': ip, 'user-agent': userAgent },
})
/** Registers a user from this IP address. The device is known from then on. */
const registerFrom = async (ip: string): Promise<string> => {
  const email = anEmail()
  const { status } = await client.post('register', { email, password }, from(ip))
  if (status !== 201) throw new Error(`register answered ${status}`)
  return email
}
const login = (email: string, ip: string, { given = password, userAgent = firefox, at = client } = {}) =>
  at.post('login', { email, password: given }, from(ip, userAgent))
const outcome = ({ status, headers }: Reply) =>
  `${status} ${headers.get('ratelimit')?.replace(/;t=\d+/, '') ?? ''}`

for (const [what, ip] of [
  ['address', '192.0.2.1'],
  ['/64 of IPv6', '2001:db8:0:1::1'],
] as const)
  test(`twelve users sign in from known devices behind one ${what} → the limit of the address loses no point`, async t => {
    for (let i = 0; i < 12; i++) {
      const reply = await login(await registerFrom(ip), ip, { at: (i % 2 ? world : other).client })
      t.is(outcome(reply), '200 "login";r=3')
    }
  })

test('logins from new devices → counted against the IP address', async t => {
  const ip = newIp()
  const emails = [
    await registerFrom(ip),
    await registerFrom(ip),
    await registerFrom(ip),
    await registerFrom(ip),
  ]
  const replies: string[] = []
  for (const email of emails) replies.push(outcome(await login(email, ip, { userAgent: 'curl/8.4' })))
  t.deepEqual(replies, ['200 "login";r=2', '200 "login";r=1', '200 "login";r=0', '429 "login";r=0'])
})

test('attacker signs in to an own account between guesses → each guess still counts', async t => {
  const ip = newIp()
  const [own, victim] = [await registerFrom(ip), await registerFrom(newIp())]
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) {
    statuses.push((await login(victim, ip, { given: `wrong horse ${i}` })).status)
    statuses.push((await login(own, ip)).status)
  }
  t.deepEqual(statuses, [401, 200, 401, 200, 401, 429, 429, 429])
})

test('wrong password from a known device → counted against the IP address', async t => {
  const ip = newIp()
  const email = await registerFrom(ip)
  t.is(outcome(await login(email, ip, { given: 'wrong horse 9' })), '401 "login";r=2')
  t.is(outcome(await login(email, ip)), '200 "login";r=2')
})

test('known device signs in more often than its own limit → counted against the IP address', async t => {
  const ip = newIp()
  const email = await registerFrom(ip)
  const replies: string[] = []
  for (let i = 0; i < 8; i++) replies.push(outcome(await login(email, ip)))
  const free = Array(4).fill('200 "login";r=3')
  t.deepEqual(replies, [...free, '200 "login";r=2', '200 "login";r=1', '200 "login";r=0', '429 "login";r=0'])
})

test('correct password for a deactivated account from a known device → counted against the IP address', async t => {
  const ip = newIp()
  const email = await registerFrom(ip)
  await world.sql('UPDATE users SET is_active = false WHERE email = $1', [email])
  t.is(outcome(await login(email, ip)), '403 "login";r=2')
})
