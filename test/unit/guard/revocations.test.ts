import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import anyTest from 'ava'
import type { RevocationOptions } from '../../../packages/guard/src/feed-store.ts'
import { nodeGuards } from '../../../packages/guard/src/node-guards.ts'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { signMessage, signToken } from '../../../src/platform/crypto/paseto.ts'
import { generateKey, importSecret } from '../../../src/platform/crypto/paseto-keys.ts'
import { withOtherEnd } from '../../fixtures.ts'
import { until } from '../../until.ts'

// The guard and the feed of what ended: what it refuses, and what an issuer that is down or a forged feed changes.

const test = anyTest.serial

// The clock of this process moves, so the tests run one at a time.
mock.timers.enable({ apis: ['Date'], now: Date.now() })
anyTest.after.always(() => mock.timers.reset())

const key = generateKey()
const wholeSeconds = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`

type Claims = Record<string, unknown>
type SignOptions = { by?: typeof key; assertion?: string }

const signFeed = (claims: Claims, { by = key, assertion = 'revocations' }: SignOptions = {}): string =>
  signMessage(
    importSecret(by.paserkSecret),
    Buffer.from(JSON.stringify(claims)),
    Buffer.from(`{"kid":"${by.kid}"}`),
    Buffer.from(assertion),
  )

type Question = { after: string | null; answer: (text: string) => void; isOpen: () => boolean }

/** An issuer whose test answers each request for the feed itself. */
const openIssuer = async () => {
  const state = { isDown: false, isWithoutFeed: false }
  const questions: Question[] = []
  let next = Promise.withResolvers<Question>()
  const ask = (question: Question) => {
    questions.push(question)
    next.resolve(question)
    next = Promise.withResolvers()
  }
  const server = createServer((request, reply: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://issuer')
    if (state.isDown) return reply.writeHead(503).end()
    if (pathname.endsWith('paseto-keys'))
      return reply.end(JSON.stringify({ keys: [{ kid: key.kid, paserk: key.paserkPublic }] }))
    if (state.isWithoutFeed) return reply.writeHead(503).end()
    let isOpen = true
    reply.on('close', () => {
      isOpen = false
    })
    ask({ after: searchParams.get('after'), answer: text => reply.end(text), isOpen: () => isOpen })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const closes: (() => void)[] = []
  return {
    url,
    state,
    questions,
    /** The next request for the feed. */
    asked: () => next.promise,
    feed: (more: Claims = {}): Claims => ({
      iss: url,
      iat: wholeSeconds(Date.now()),
      cursor: '1-0-aaaaaaaaaaaa',
      sessions: [],
      users: [],
      ...more,
    }),
    token: ({ sid = 'session', sub = 'user' } = {}, at = Date.now()): string =>
      signToken(
        { kid: key.kid, secret: importSecret(key.paserkSecret) },
        { iss: url, aud: url, sub, sid },
        { now: new Date(at), ttlSeconds: 3600 },
      ),
    /** Returns the result of checking a token: `passes`, or the code of the error. */
    guard: (revocations: true | RevocationOptions = true) => {
      const verifier = createVerifier({ issuer: url, revocations })
      closes.push(verifier.close)
      const guard = nodeGuards.requireAuth(verifier)
      const check = async (token: string): Promise<string> => {
        const outcome = await verifier.verify(token).then(
          () => 'passes',
          error => error.code ?? String(error),
        )
        // The token is in the cache now, where a guard takes a shorter way.
        const answer = await guard({ headers: { authorization: `Bearer ${token}` } })
        if ((answer === null) !== (outcome === 'passes')) throw new Error('the guard decides otherwise')
        return outcome
      }
      return { ...verifier, check }
    },
    [Symbol.asyncDispose]: async () => {
      for (const close of closes) close()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

test('listed session or user → SESSION_REVOKED, up to the second of `before`; others pass', async t => {
  await using issuer = await openIssuer()
  const { check } = issuer.guard()
  const at = Math.floor(Date.now() / 1000) * 1000
  const asked = issuer.asked()
  const first = check(issuer.token({ sid: 'ended' }))
  const { after, answer } = await asked
  t.is(after, null)
  answer(signFeed(issuer.feed({ sessions: ['ended'], users: [{ sub: 'reset', before: wholeSeconds(at) }] })))
  t.is(await first, 'SESSION_REVOKED')
  t.is(await check(issuer.token({ sid: 'other' })), 'passes')
  t.is(await check(issuer.token({ sub: 'reset' }, at)), 'SESSION_REVOKED')
  t.is(await check(issuer.token({ sub: 'reset' }, at - 60_000)), 'SESSION_REVOKED')
  t.is(await check(issuer.token({ sub: 'reset' }, at + 1000)), 'passes')
})

test('many tokens to check → one request for the feed, and each later one continues it', async t => {
  await using issuer = await openIssuer()
  const { check } = issuer.guard()
  const asked = issuer.asked()
  const checks = Promise.all(Array.from({ length: 100 }, (_, i) => check(issuer.token({ sid: `s${i}` }))))
  const first = await asked
  const second = issuer.asked()
  first.answer(signFeed(issuer.feed()))
  t.deepEqual([...new Set(await checks)], ['passes'])
  t.is((await second).after, '1-0-aaaaaaaaaaaa')
  for (let i = 0; i < 100; i++) await check(issuer.token())
  t.is(issuer.questions.length, 2)
})

test('an older list repeated by an attacker → what the guard has read before stays refused', async t => {
  await using issuer = await openIssuer()
  const { check } = issuer.guard()
  let asked = issuer.asked()
  const first = check(issuer.token({ sid: 'ended' }))
  const question = await asked
  asked = issuer.asked()
  const old = signFeed(issuer.feed())
  question.answer(signFeed(issuer.feed({ sessions: ['ended'] })))
  await first
  const again = await asked
  asked = issuer.asked()
  again.answer(old)
  await asked
  t.is(await check(issuer.token({ sid: 'ended' })), 'SESSION_REVOKED')
})

const forgeries: Record<string, (feed: Claims) => string> = {
  'signed with another key': feed => signFeed(feed, { by: generateKey() }),
  'signed for another purpose': feed => signFeed(feed, { assertion: '' }),
  'changed after it was signed': feed => {
    const [version, purpose, signed = '', footer] = signFeed(feed).split('.')
    return [version, purpose, withOtherEnd(signed), footer].join('.')
  },
  'of another issuer': feed => signFeed({ ...feed, iss: 'https://other.example' }),
  'older than a minute': feed => signFeed({ ...feed, iat: wholeSeconds(Date.now() - 70_000) }),
  'of the future': feed => signFeed({ ...feed, iat: wholeSeconds(Date.now() + 70_000) }),
  'the continuation of another cursor': feed => signFeed({ ...feed, after: '2-0-bbbbbbbbbbbb' }),
  'without a list of users': ({ users: _, ...feed }) => signFeed(feed),
  'with an unreadable time': feed => signFeed({ ...feed, users: [{ sub: 'a', before: 'tomorrow' }] }),
  'not a token': () => '{"sessions":[]}',
}

for (const [what, forge] of Object.entries(forgeries))
  test(`feed that is ${what} → not believed: the guard has no list`, async t => {
    await using issuer = await openIssuer()
    const reasons: unknown[] = []
    const { check } = issuer.guard({ whenStale: 'deny', onStale: reason => reasons.push(reason) })
    const asked = issuer.asked()
    const checked = check(issuer.token())
    const question = await asked
    question.answer(forge(issuer.feed({ sessions: ['session'] })))
    t.is(await checked, 'KEYS_UNAVAILABLE')
    t.is(reasons.length, 1)
  })

test('feed that was never readable → `allow` accepts and `deny` refuses, and each reports it once', async t => {
  await using issuer = await openIssuer()
  const token = issuer.token()
  const reasons: unknown[] = []
  const onStale = (reason: unknown) => {
    reasons.push(reason)
    throw new Error('of the callback')
  }
  issuer.state.isWithoutFeed = true
  const guards = [issuer.guard({ onStale }), issuer.guard({ whenStale: 'deny', onStale })]
  t.deepEqual(await Promise.all(guards.map(({ check }) => check(token))), ['passes', 'KEYS_UNAVAILABLE'])
  t.is(reasons.length, 2)
})

test('feed down → nothing changes for a minute, then the policy counts, until it is back', async t => {
  await using issuer = await openIssuer()
  const reasons: unknown[] = []
  const policies = [{}, { whenStale: 'deny' as const }]
  const guards = policies.map(policy => issuer.guard({ ...policy, onStale: reason => reasons.push(reason) }))
  const checkAll = (sid: string) => Promise.all(guards.map(({ check }) => check(issuer.token({ sid }))))
  const checked = checkAll('first')
  const asking = (isFirst: boolean) => issuer.questions.filter(({ after }) => (after === null) === isFirst)
  await until('both guards to ask', () => asking(true).length === 2)
  for (const { answer } of asking(true)) answer(signFeed(issuer.feed({ sessions: ['ended'] })))
  t.deepEqual(await checked, ['passes', 'passes'])
  await until('both guards to wait for news', () => asking(false).length === 2)
  issuer.state.isDown = true
  for (const { answer } of asking(false)) answer('')
  mock.timers.tick(59_000)
  t.deepEqual(await checkAll('other'), ['passes', 'passes'])
  t.is(reasons.length, 0)
  mock.timers.tick(2000)
  t.deepEqual(await checkAll('other'), ['passes', 'KEYS_UNAVAILABLE'])
  t.deepEqual(await checkAll('ended'), ['SESSION_REVOKED', 'SESSION_REVOKED'])
  await until('both to report', async () => {
    await checkAll('other')
    return reasons.length >= 2
  })

  const answered = issuer.questions.length
  issuer.state.isDown = false
  await until('both guards to ask again', async () => {
    await Promise.race([checkAll('other'), new Promise(resolve => setTimeout(resolve, 20))])
    return issuer.questions.length >= answered + 2
  })
  for (const { after, answer } of issuer.questions.slice(answered)) {
    t.is(after, null, 'from the beginning')
    answer(signFeed(issuer.feed()))
  }
  await until('the feed to be read', async () =>
    (await checkAll('other')).every(result => result === 'passes'),
  )
  t.deepEqual(await checkAll('ended'), ['SESSION_REVOKED', 'SESSION_REVOKED'])
  t.is(reasons.length, 2)
})

test('close → the request that waits for news ends at once', async t => {
  await using issuer = await openIssuer()
  const guard = issuer.guard()
  let asked = issuer.asked()
  const checked = guard.check(issuer.token())
  const question = await asked
  asked = issuer.asked()
  question.answer(signFeed(issuer.feed()))
  await checked
  const waiting = await asked
  t.true(waiting.isOpen())
  guard.close()
  await until('the connection to close', () => !waiting.isOpen())
  t.is(await guard.check(issuer.token()), 'passes')
})

test('session ended while the guard had no token to check → the next token waits for the list', async t => {
  await using issuer = await openIssuer()
  const { check } = issuer.guard()
  let asked = issuer.asked()
  const checked = check(issuer.token())
  const first = await asked
  asked = issuer.asked()
  first.answer(signFeed(issuer.feed()))
  t.is(await checked, 'passes')
  const second = await asked
  mock.timers.tick(61_000)
  const isOver = until('the second request to close', () => !second.isOpen())
  second.answer(signFeed(issuer.feed()))
  await isOver
  // The guard has read a list a moment ago, and nothing since.
  await new Promise(resolve => setTimeout(resolve, 50))
  mock.timers.tick(30_000)
  asked = issuer.asked()
  const later = Promise.all([check(issuer.token({ sid: 'ended' })), check(issuer.token({ sid: 'ended' }))])
  const third = await asked
  t.is(third.after, null)
  third.answer(signFeed(issuer.feed({ sessions: ['ended'] })))
  t.deepEqual(await later, ['SESSION_REVOKED', 'SESSION_REVOKED'])
})

test('callback that rejects → no unhandled rejection ends the process', async t => {
  await using issuer = await openIssuer()
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  let calls = 0
  const onStale = async () => {
    calls++
    throw new Error('of the callback')
  }
  issuer.state.isWithoutFeed = true
  t.is(await issuer.guard({ whenStale: 'deny', onStale }).check(issuer.token()), 'KEYS_UNAVAILABLE')
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', note)
  t.is(calls, 1)
  t.deepEqual(unhandled, [])
})

test('clock set back by an hour while the feed is down → the old list counts as stale', async t => {
  await using issuer = await openIssuer()
  const { check } = issuer.guard({ whenStale: 'deny' })
  const asked = issuer.asked()
  const checked = check(issuer.token())
  const { answer } = await asked
  issuer.state.isDown = true
  answer(signFeed(issuer.feed()))
  t.is(await checked, 'passes')
  mock.timers.setTime(Date.now() - 3_600_000)
  t.is(await check(issuer.token()), 'KEYS_UNAVAILABLE')
  mock.timers.tick(3_600_000)
})
