import test, { type ExecutionContext } from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { faultOf } from './bodied-routes.ts'

const world = await openWorld({
  env: {
    RATE_LIMITS:
      'register=4/10m,login=3/90s,refresh=2/15m,anonymous=6/15m,bearer=5/15m,mail=2/1h,mail_ip=3/1h',
  },
})
const { client } = world
const [one, other] = [await anAccount(client), await anAccount(client)]
test.after.always(() => world[Symbol.asyncDispose]())

type Member = { name: string; parameters: Record<string, number> }

/** Reads a list of strings with integer parameters, and nothing laxer (RFC 9651). */
const structured = (header: string | null): Member[] =>
  (header ?? '').split(', ').map(text => {
    const [, name = '', rest = ''] = /^"([a-z_]+)"((?:;[a-z]=(?:0|[1-9]\d{0,14}))+)$/.exec(text) ?? []
    if (!name) throw new Error(`no structured field: ${header}`)
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
const refusal = (t: ExecutionContext, reply: Reply, name: string) => {
  t.is(reply.status, 429)
  t.is(faultOf(reply), null)
  t.is(reply.body.code, 'RATE_LIMIT_EXCEEDED')
  const wait = Number(reply.headers.get('retry-after'))
  t.regex(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  t.is(reply.body.retry_after, wait)
  const spent = limitsOf(reply).find(limit => limit.name === name)
  t.is(spent?.r, 0)
  t.true(wait >= (spent?.t ?? 0) && (spent?.t ?? 0) > 0 && wait <= (spent?.w ?? 0), `${wait}`)
}

test.serial(
  'each reply states the limit, what is left of it, and for how long; the one beyond says when to return',
  async t => {
    for (const left of [2, 1, 0]) {
      const reply = await login()
      t.is(reply.status, 401)
      const [limit] = limitsOf(reply)
      t.like(limit, { name: 'login', q: 3, w: 90, r: left })
      t.true((limit?.t ?? 0) > 80 && (limit?.t ?? 0) <= 90)
      t.is(reply.headers.get('retry-after'), null)
    }
    refusal(t, await login(), 'login')
    const right = await client.post('login', { email: one.email, password })
    refusal(t, right, 'login')
  },
)

test.serial('registrations are counted by address of the network, also those that fail', async t => {
  const taken = await client.post('register', { email: one.email, password })
  t.is(taken.status, 409)
  t.is(limitsOf(taken)[0]?.r, 1)
  t.is((await client.post('register', { email: anEmail(), password })).status, 201)
  const email = anEmail()
  refusal(t, await client.post('register', { email, password }), 'register')
  t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 0)
})

test.serial(
  'bearer requests are counted by session: one that is used up leaves the others alone',
  async t => {
    for (const left of [4, 3, 2, 1, 0]) {
      const reply = await me(one.access)
      t.is(reply.status, 200)
      t.like(limitsOf(reply)[0], { name: 'bearer', q: 5, w: 900, r: left })
    }
    refusal(t, await me(one.access), 'bearer')
    refusal(t, await client.patch('me', { full_name: 'Late' }, { token: one.access }), 'bearer')
    t.is((await me(other.access)).status, 200)
  },
)

test.serial('refreshes are counted by session', async t => {
  const refresh = (refresh_token: string) => client.post('refresh', { refresh_token })
  const first = await refresh(one.refresh)
  t.like(limitsOf(first)[0], { name: 'refresh', q: 2, r: 1 })
  t.is((await refresh(first.body.refresh_token)).status, 200)
  refusal(t, await refresh(one.refresh), 'refresh')
  t.is((await refresh(other.refresh)).status, 200)
})

test.serial('mails are counted by recipient and by who asks, and no mail is owed beyond', async t => {
  const ask = (email: string) => client.post('resend-verification', { email })
  const email = anEmail()
  t.deepEqual(
    limitsOf(await ask(email)).map(({ name, q, r }) => [name, q, r]),
    [
      ['mail', 2, 1],
      ['mail_ip', 3, 2],
    ],
  )
  t.is((await ask(email.toUpperCase())).status, 202)
  refusal(t, await ask(`  ${email}`), 'mail')
  refusal(t, await ask(anEmail()), 'mail_ip')
  t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email])).length, 2)
})

test.serial('tokens that are none are counted by address, whatever they are tried on', async t => {
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
  for (const ask of tries) refusal(t, await ask(), 'anonymous')
  t.is((await me(other.access)).status, 200, 'a good token is not among them')
})

test.serial('what asks for no work has no limit', async t => {
  for (const path of ['/livez', '/readyz', '/.well-known/paseto-keys', '/openapi.json'])
    for (let i = 0; i < 8; i++) {
      const { status, headers } = await client.get(path)
      t.is(status, 200)
      t.is(headers.get('ratelimit'), null)
    }
})
