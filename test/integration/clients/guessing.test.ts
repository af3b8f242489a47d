import test from 'ava'
import { openLocalWorld } from '../../local-world.ts'
import { sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, askToken, basic, clientsPath, tokenPath } from './machine.ts'

// The id of a client is in each of its tokens, so an attacker knows it. Guesses are counted before they are compared, and
// they never keep the client itself out.

const world = await openLocalWorld({
  env: { RATE_LIMITS: 'client_auth=30/15m,client_guesses=40/15m', TRUSTED_PROXIES: '1' },
})
const admin = await anAdmin(world)
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const guess = (id: string, n: number, ip?: string) => ({
  path: tokenPath,
  body: 'grant_type=client_credentials',
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basic(id, `lks_${n}`),
    ...(ip && { 'x-forwarded-for': ip }),
  },
})

test('500 wrong secrets at once at two instances → at most the limit of the address are compared', async t => {
  const { id } = await aMachine(world, ['a'], admin.access)
  const replies = await sendSimultaneously(
    [world.url, other.url],
    times(500, n => guess(id, n, '203.0.113.1')),
  )
  t.deepEqual(statusesOf(replies), { 401: 30, 429: 470 })
  const refused = replies.find(({ status }) => status === 429)
  t.is(refused?.body.error, 'temporarily_unavailable')
  t.regex(refused?.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
})

test('500 wrong secrets at once from 500 addresses → at most the limit of the client are compared', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  const used = await aMachine(world, ['a'], admin.access)
  t.is((await askToken(world.client, used)).status, 200)
  for (const { id } of [machine, used]) {
    const replies = await sendSimultaneously(
      [world.url, other.url],
      times(500, n => guess(id, n, `198.51.${n >> 8}.${n & 255}`)),
    )
    t.deepEqual(statusesOf(replies), { 401: 40, 429: 460 })
  }
  const attacker = { 'x-forwarded-for': '198.51.0.1' }
  for (const client of [world.client, other.client]) {
    t.is((await askToken(client, used)).status, 200, 'the client itself is not kept out')
    t.is((await askToken(client, used, {}, attacker)).status, 200, 'nor behind the address of an attacker')
    t.is((await askToken(client, machine)).status, 200, 'nor at the first use of its secret')
  }
})

test('new secret of a client under attack → works at its first use', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  await sendSimultaneously(
    [world.url],
    times(60, n => guess(machine.id, n, `198.51.100.${n}`)),
  )
  const path = `${clientsPath}/${machine.id}/secrets`
  const { body } = await world.client.post(path, undefined, { token: admin.access })
  t.is((await askToken(world.client, { ...machine, secret: body.secret })).status, 200)
})

test('200 requests at once with a new secret → all get a token', async t => {
  const { id, secret } = await aMachine(world, ['a'], admin.access)
  const request = { ...guess(id, 0, '203.0.113.9') }
  const headers = { ...request.headers, authorization: basic(id, secret) }
  const replies = await sendSimultaneously([world.url, other.url], times(200, { ...request, headers }))
  t.deepEqual(statusesOf(replies), { 200: 200 })
})

test('right secret that Redis does not know → counted, and the point is refunded', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  for (let n = 0; n < 50; n++) {
    await world.dropKeys(await world.keysLike(`*${machine.id}*:secret:*`))
    t.is((await askToken(world.client, machine, {}, { 'x-forwarded-for': '203.0.113.77' })).status, 200)
  }
})

test('dropped secret that Redis knows → refused, and counted from then on', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  t.is((await askToken(world.client, machine)).status, 200)
  const path = `${clientsPath}/${machine.id}/secrets/${machine.prefix}`
  t.is((await world.client.send('DELETE', path, { token: admin.access })).status, 204)
  const headers = { 'x-forwarded-for': '203.0.113.88' }
  await world.dropKeys(await world.keysLike(`*oauth_token*${machine.id}*`))
  t.is((await askToken(world.client, machine, {}, headers)).status, 401)
  for (const key of await world.keysLike(`*oauth_token*${machine.id}*`))
    t.is(await world.deps.redis.get(key), '0', 'a client that is refused uses up no point of its route')
  const statuses = []
  for (let n = 0; n < 32; n++) statuses.push((await askToken(world.client, machine, {}, headers)).status)
  t.deepEqual([...new Set(statuses.slice(0, 30))], [401])
  t.deepEqual(statuses.slice(30), [429, 429])
})

test('secret that was right before → its request is counted while Postgres is asked', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  const counters = () => world.keysLike(`*oauth_token*${machine.id}*`)
  t.is((await askToken(world.client, machine)).status, 200)
  await world.dropKeys(await counters())
  const { reads } = world.deps
  const { run } = reads
  reads.run = async (statement, values) => {
    if (values[0] === machine.id)
      await until('the request to be counted', async () => !!(await counters())[0])
    return run(statement, values)
  }
  t.teardown(() => Object.assign(reads, { run }))
  t.is((await askToken(world.client, machine)).status, 200)
})
