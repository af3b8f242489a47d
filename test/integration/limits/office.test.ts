import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Many people behind one address: sign-ins from known devices do not use up the limit of the address.

const test = anyTest.serial

const world = await openWorld({
  env: { RATE_LIMITS: 'register=1000/1h,login=3/15m,login_device=4/15m', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'
let offices = 0
const anOffice = () => `198.51.100.${++offices}`

const from = (ip: string, userAgent = firefox) => ({
  headers: { 'x-forwarded-for': ip, 'user-agent': userAgent },
})
/** Registers a person from this address: the device is known from then on. */
const aColleague = async (ip: string): Promise<string> => {
  const email = anEmail()
  const { status } = await client.post('register', { email, password }, from(ip))
  if (status !== 201) throw new Error(`register answered ${status}`)
  return email
}
const login = (email: string, ip: string, { given = password, userAgent = firefox, at = client } = {}) =>
  at.post('login', { email, password: given }, from(ip, userAgent))
const told = ({ status, headers }: Reply) =>
  `${status} ${headers.get('ratelimit')?.replace(/;t=\d+/, '') ?? ''}`

for (const [what, ip] of [
  ['address', '192.0.2.1'],
  ['/64 of IPv6', '2001:db8:0:1::1'],
] as const)
  test(`twelve colleagues sign in from known devices behind one ${what} → none uses up its limit`, async t => {
    for (let i = 0; i < 12; i++) {
      const reply = await login(await aColleague(ip), ip, { at: (i % 2 ? world : other).client })
      t.is(told(reply), '200 "login";r=3')
    }
  })

test('sign-ins from new devices → counted against the address', async t => {
  const ip = anOffice()
  const emails = [await aColleague(ip), await aColleague(ip), await aColleague(ip), await aColleague(ip)]
  const replies: string[] = []
  for (const email of emails) replies.push(told(await login(email, ip, { userAgent: 'curl/8.4' })))
  t.deepEqual(replies, ['200 "login";r=2', '200 "login";r=1', '200 "login";r=0', '429 "login";r=0'])
})

test('wrong passwords between sign-ins of the guesser → each is counted, and none is forgiven', async t => {
  const ip = anOffice()
  const [own, victim] = [await aColleague(ip), await aColleague(anOffice())]
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) {
    statuses.push((await login(victim, ip, { given: `wrong horse ${i}` })).status)
    statuses.push((await login(own, ip)).status)
  }
  t.deepEqual(statuses, [401, 200, 401, 200, 401, 429, 429, 429])
})

test('a wrong password from a known device → counted against the address', async t => {
  const ip = anOffice()
  const email = await aColleague(ip)
  t.is(told(await login(email, ip, { given: 'wrong horse 9' })), '401 "login";r=2')
  t.is(told(await login(email, ip)), '200 "login";r=2')
})

test('a known device signs in again and again → counted against the address from its limit on', async t => {
  const ip = anOffice()
  const email = await aColleague(ip)
  const replies: string[] = []
  for (let i = 0; i < 8; i++) replies.push(told(await login(email, ip)))
  const free = Array(4).fill('200 "login";r=3')
  t.deepEqual(replies, [...free, '200 "login";r=2', '200 "login";r=1', '200 "login";r=0', '429 "login";r=0'])
})

test('a refused account signs in from a known device with the right password → counted', async t => {
  const ip = anOffice()
  const email = await aColleague(ip)
  await world.sql('UPDATE users SET is_active = false WHERE email = $1', [email])
  t.is(told(await login(email, ip)), '403 "login";r=2')
})
