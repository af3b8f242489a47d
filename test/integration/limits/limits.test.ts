import anyTest, { type ExecutionContext } from 'ava'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'
import { problemFault } from '../http/problem-fault.ts'

// Rate limits: which client address they count, which headers report them, and when they end.

const test = anyTest.serial

const limits = { RATE_LIMITS: 'login=3/15m' }
const withoutProxy = await openWorld({ env: limits })
const behindOne = await openWorld({ env: { ...limits, TRUSTED_PROXIES: '1' } })
const behindTwo = await openWorld({ env: { ...limits, TRUSTED_PROXIES: '2' } })
const world = await openWorld({
  env: {
    RATE_LIMITS:
      'register=4/10m,login=3/90s,refresh=2/15m,anonymous=6/15m,bearer=5/15m,mail=2/1h,mail_ip=3/1h',
  },
})
const [one, other] = [await anAccount(world.client), await anAccount(world.client)]
const windowWorld = await openWorld({ env: { RATE_LIMITS: 'login=2/2s' } })
anyTest.after.always(async () => {
  for (const each of [withoutProxy, behindOne, behindTwo, world, windowWorld])
    await each[Symbol.asyncDispose]()
})

{
  /** The status of a failed login with these proxy headers. */
  const from = async ({ client }: World, forwarded: string, more: Record<string, string> = {}) => {
    const headers = { ...(forwarded && { 'x-forwarded-for': forwarded }), ...more }
    return (await client.post('login', { email: anEmail(), password }, { headers })).status
  }

  /** The statuses of four failed logins. The limit is three. */
  const fourStatuses = async (world: World, forwarded: (i: number) => string): Promise<number[]> => {
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push(await from(world, forwarded(i)))
    return statuses
  }
  const limited = [401, 401, 401, 429]

  test('no trusted proxy → no forwarding header changes the client address', async t => {
    t.deepEqual(await fourStatuses(withoutProxy, i => `203.0.113.${i}`), limited)
    for (const name of [
      'x-forwarded-for',
      'forwarded',
      'x-real-ip',
      'cf-connecting-ip',
      'true-client-ip',
      'client-ip',
    ])
      t.is(
        await from(withoutProxy, '', { [name]: name === 'forwarded' ? 'for=198.51.100.7' : '198.51.100.7' }),
        429,
        name,
      )
  })

  test('one trusted proxy → only the last X-Forwarded-For hop counts', async t => {
    t.deepEqual(await fourStatuses(behindOne, i => `10.0.0.${i}, 198.51.100.1`), limited)
    t.is(await from(behindOne, '198.51.100.1'), 429)
    t.is(await from(behindOne, '198.51.100.2, 198.51.100.1'), 429)
    t.is(await from(behindOne, '198.51.100.1, 198.51.100.2'), 401)
  })

  test('two trusted proxies → only the last but one X-Forwarded-For hop counts', async t => {
    t.deepEqual(await fourStatuses(behindTwo, i => `10.0.0.${i}, 198.51.100.9, 192.0.2.${i}`), limited)
    t.is(await from(behindTwo, '198.51.100.9, 192.0.2.77'), 429)
    t.is(await from(behindTwo, '192.0.2.1, 198.51.100.8, 198.51.100.9'), 401)
  })

  test('requests from different IPv4 addresses → counted separately', async t => {
    t.deepEqual(await fourStatuses(behindOne, i => `198.51.100.${100 + i}`), [401, 401, 401, 401])
  })

  test('requests from many addresses of one IPv6 /64 → counted as one client', async t => {
    t.deepEqual(await fourStatuses(behindOne, i => `2001:db8:1:2:${i}::${i}`), limited)
    t.is(await from(behindOne, '2001:DB8:0001:0002:FFFF:ffff:ffff:ffff'), 429)
    t.is(await from(behindOne, '2001:db8:1:3::1'), 401)
  })

  const statusesFrom = async (count: number, address: (i: number) => string) => {
    const statuses: Record<number, number> = {}
    for (let i = 0; i < count; i++) {
      const status = await from(behindOne, address(i))
      statuses[status] = (statuses[status] ?? 0) + 1
    }
    return statuses
  }

  test('requests from many networks of one IPv6 /56 → together twice the limit of one address', async t => {
    t.deepEqual(await statusesFrom(40, i => `2001:db8:2:ab${(i + 16).toString(16)}::1`), { 401: 6, 429: 34 })
    t.is(await from(behindOne, '2001:db8:2:acff::1'), 401, 'the next /56')
  })

  test('requests from many networks of one IPv6 /48 → together four times the limit of one address', async t => {
    t.deepEqual(await statusesFrom(40, i => `2001:db8:3:${(i + 1).toString(16)}00::1`), { 401: 12, 429: 28 })
    t.is(await from(behindOne, '2001:db8:4:100::1'), 401, 'the next /48')
  })

  test('a hundred concurrent requests from one IPv6 /48 → four times the limit of one address pass', async t => {
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => from(behindOne, `2001:db8:5:${(i + 1).toString(16)}00::1`)),
    )
    t.is(replies.filter(status => status === 401).length, 12)
  })

  test('one /64 floods → its neighbours in the /56 and the /48 keep their points', async t => {
    const flood = Array.from({ length: 60 }, () => from(behindOne, '2001:db8:6:100::1'))
    const neighbours = ['2001:db8:6:101::1', '2001:db8:6:200::1', '2001:db8:6:300::1']
    const statuses = await Promise.all(neighbours.map(address => from(behindOne, address)))
    t.deepEqual(statuses, [401, 401, 401])
    t.is((await Promise.all(flood)).filter(status => status === 401).length, 3)
    t.deepEqual(await statusesFrom(3, () => '2001:db8:6:102::1'), { 401: 2, 429: 1 }, 'six in the /56')
  })

  test('the wider network has fewer points left than the client → RateLimit reports the smaller number', async t => {
    const login = (ip: string) =>
      behindOne.client.post('login', { email: anEmail(), password }, { headers: { 'x-forwarded-for': ip } })
    for (let i = 0; i < 5; i++) await login(`2001:db8:7:${i}::1`)
    const last = await login('2001:db8:7:9::1')
    t.is(last.status, 401)
    t.regex(last.headers.get('ratelimit') ?? '', /^"login";r=0;t=\d+$/)
    t.regex(last.headers.get('ratelimit-policy') ?? '', /^"login";q=3;w=900$/)
    const refused = await login('2001:db8:7:a::1')
    t.is(refused.status, 429)
    const [, reset = ''] = /t=(\d+)$/.exec(refused.headers.get('ratelimit') ?? '') ?? []
    t.true(Number(refused.headers.get('retry-after')) >= Number(reset) && Number(reset) > 0)
  })

  test('an IPv4 address and its IPv6-mapped spellings → counted as one client', async t => {
    const spellings = [
      '198.51.100.200',
      '::ffff:198.51.100.200',
      '::FFFF:c633:64c8',
      '0:0:0:0:0:ffff:c633:64c8',
    ]
    t.deepEqual(await fourStatuses(behindOne, i => spellings[i] ?? ''), limited)
    t.is(await from(behindOne, '::ffff:198.51.100.201'), 401)
  })

  test('invalid X-Forwarded-For → counted as the proxy itself', async t => {
    const junk = ['unknown', '_hidden', '"198.51.100.3"', '999.1.1.1']
    t.deepEqual(await fourStatuses(behindOne, i => junk[i] ?? ''), limited)
    t.is(await from(behindOne, ''), 429)
    t.is(await from(behindOne, ', ,'), 429)
    t.is(await from(behindOne, 'x'.repeat(5000)), 429)
  })
}

{
  const { client } = world
  type Member = { name: string; parameters: Record<string, number> }

  /** Reads a list of strings with integer parameters as RFC 9651 defines it, and rejects anything else. */
  const structured = (header: string | null): Member[] =>
    (header ?? '').split(', ').map(text => {
      const [, name = '', rest = ''] = /^"([a-z_]+)"((?:;[a-z]=(?:0|[1-9]\d{0,14}))+)$/.exec(text) ?? []
      if (!name) throw new Error(`not a structured field: ${header}`)
      const pairs = rest
        .slice(1)
        .split(';')
        .map(pair => pair.split('='))
      return { name, parameters: Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])) }
    })

  const limitsOf = ({ headers }: Reply) => {
    const [policies, states] = [
      structured(headers.get('ratelimit-policy')),
      structured(headers.get('ratelimit')),
    ]
    return policies.map(({ name, parameters }, i) => ({
      ...{ name, ...parameters },
      ...(states[i]?.name === name ? states[i]?.parameters : {}),
    })) as { name: string; q: number; w: number; r: number; t: number }[]
  }

  const login = () => client.post('login', { email: anEmail(), password })
  const me = (token: string) => client.get('me', { token })
  const isRefused = (t: ExecutionContext, reply: Reply, name: string) => {
    t.is(reply.status, 429)
    t.is(problemFault(reply), null)
    t.is(reply.body.code, 'RATE_LIMIT_EXCEEDED')
    const wait = Number(reply.headers.get('retry-after'))
    t.regex(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    t.is(reply.body.retry_after, wait)
    const used = limitsOf(reply).find(limit => limit.name === name)
    t.is(used?.r, 0)
    t.true(wait >= (used?.t ?? 0) && (used?.t ?? 0) > 0 && wait <= (used?.w ?? 0), `${wait}`)
  }

  test('login within the limit → RateLimit headers count down. Login over the limit → 429 with Retry-After', async t => {
    for (const left of [2, 1, 0]) {
      const reply = await login()
      t.is(reply.status, 401)
      const [limit] = limitsOf(reply)
      t.like(limit, { name: 'login', q: 3, w: 90, r: left })
      t.true((limit?.t ?? 0) > 80 && (limit?.t ?? 0) <= 90)
      t.is(reply.headers.get('retry-after'), null)
    }
    isRefused(t, await login(), 'login')
    const right = await client.post('login', { email: one.email, password })
    isRefused(t, right, 'login')
  })

  test('successful and failed registrations → counted by IP address', async t => {
    const taken = await client.post('register', { email: one.email, password })
    t.is(taken.status, 409)
    t.is(limitsOf(taken)[0]?.r, 1)
    t.is((await client.post('register', { email: anEmail(), password })).status, 201)
    const email = anEmail()
    isRefused(t, await client.post('register', { email, password }), 'register')
    t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 0)
  })

  test('bearer requests over the limit of a session → 429 for that session only', async t => {
    for (const left of [4, 3, 2, 1, 0]) {
      const reply = await me(one.access)
      t.is(reply.status, 200)
      t.like(limitsOf(reply)[0], { name: 'bearer', q: 5, w: 900, r: left })
    }
    isRefused(t, await me(one.access), 'bearer')
    isRefused(t, await client.patch('me', { full_name: 'Late' }, { token: one.access }), 'bearer')
    t.is((await me(other.access)).status, 200)
  })

  test('refreshes over the limit of a session → 429 for that session only', async t => {
    const refresh = (refresh_token: string) => client.post('refresh', { refresh_token })
    const first = await refresh(one.refresh)
    t.like(limitsOf(first)[0], { name: 'refresh', q: 2, w: 900, r: 1 })
    const second = await refresh(first.body.refresh_token)
    t.like(limitsOf(second)[0], { name: 'refresh', q: 2, w: 900, r: 0 })
    isRefused(t, await refresh(second.body.refresh_token), 'refresh')
    t.is((await refresh(other.refresh)).status, 200)
  })

  test('email requests over the limit of an IP address → 429 and no email is queued', async t => {
    const ask = (email: string) => client.post('resend-verification', { email })
    const email = anEmail()
    t.deepEqual(
      limitsOf(await ask(email)).map(({ name, q, r }) => [name, q, r]),
      [['mail_ip', 3, 2]],
    )
    t.is((await ask(email.toUpperCase())).status, 202)
    t.is((await ask(`  ${email}`)).status, 202)
    isRefused(t, await ask(email), 'mail_ip')
    isRefused(t, await ask(anEmail()), 'mail_ip')
    t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email])).length, 3)
  })

  test('invalid tokens on any route → counted by IP address in one limit', async t => {
    const tries = [
      () => me('nonsense'),
      () => me(`${other.access}A`),
      () => client.get('me'),
      () => client.post('refresh', { refresh_token: 'lkr_nonsense' }),
      () => client.post('verify-email', { token: 'lkp_nonsense' }),
      () => client.post('logout', { refresh_token: 'lkr_nonsense' }),
    ]
    for (const [i, ask] of tries.entries()) {
      const reply = await ask()
      t.like(limitsOf(reply)[0], { name: 'anonymous', q: 6, r: 5 - i })
      t.not(reply.status, 429)
    }
    for (const ask of tries) isRefused(t, await ask(), 'anonymous')
    t.is((await me(other.access)).status, 200, 'a valid token is not counted')
  })

  test('health checks, public keys and openapi.json → no rate limit', async t => {
    for (const path of ['/livez', '/readyz', '/.well-known/paseto-keys', '/openapi.json'])
      for (let i = 0; i < 8; i++) {
        const { status, headers } = await client.get(path)
        t.is(status, 200)
        t.is(headers.get('ratelimit'), null)
      }
  })
}

{
  const world = windowWorld
  const login = () => world.client.post('login', { email: anEmail(), password })

  test('client waits for Retry-After → the next login is not limited', async t => {
    t.is((await login()).status, 401)
    // At the same moment, so that all of them lie in one window of two seconds even on a slow machine.
    const refused = await until('a refusal', async () => {
      const replies = await Promise.all([login(), login(), login()])
      return replies.find(({ status }) => status === 429)
    })
    const back = Date.now() + Number(refused.headers.get('retry-after')) * 1000
    await until('the time to return', () => Date.now() >= back)
    t.is((await login()).status, 401)
  })
}
