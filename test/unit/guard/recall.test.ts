import { mock } from 'node:test'
import anyTest from 'ava'
import { type NodeRequest, nodeGuards, runGuard } from '../../../packages/guard/src/node-guards.ts'
import { createVerifier, type Verifier } from '../../../packages/guard/src/verifier.ts'
import { decode, encode } from '../../../src/platform/base/base64url.ts'
import { generateKey } from '../../../src/platform/crypto/paseto-keys.ts'
import { openKeyServer, signAs, userClaims } from '../../token-issuer.ts'

// A guard answers a token that it has verified before without a turn of the event loop, and never answers more than
// `verify` does.

// The clock of this process moves, so the tests run one at a time.
const test = anyTest.serial
mock.timers.enable({ apis: ['Date'], now: Date.now() })
anyTest.after.always(() => mock.timers.reset())

const issuer = 'https://accounts.example.com'
const key = generateKey()
const keys = [{ kid: key.kid, paserk: key.paserkPublic }]

const openGuard = (verifier: Verifier) => {
  const guard = nodeGuards.requireAuth(verifier)
  const ask = (token: string) => {
    const request: NodeRequest = { headers: { authorization: `Bearer ${token}` } }
    const decided = guard(request)
    return { isImmediate: !(decided instanceof Promise), request, decided }
  }
  return { ask, status: async (token: string) => (await ask(token).decided)?.status ?? 200 }
}

test('token verified before → the guard answers at once; once it has expired → 401', async t => {
  const { ask, status } = openGuard(createVerifier({ issuer, keys }))
  const token = signAs(key, userClaims(issuer), { life: 900 })
  const first = ask(token)
  t.false(first.isImmediate)
  t.is(await first.decided, null)
  const second = ask(token)
  t.true(second.isImmediate)
  t.is(second.decided, null)
  t.is(second.request.auth, first.request.auth)
  mock.timers.tick(929_000)
  t.true(ask(token).isImmediate)
  mock.timers.tick(2000)
  t.is(await status(token), 401)
})

test('signature of a verified token under other claims → 401, and the verified token still passes', async t => {
  const { ask, status } = openGuard(createVerifier({ issuer, keys }))
  const token = signAs(key, userClaims(issuer))
  const other = signAs(key, userClaims(issuer, { email: 'eve@example.com' }))
  t.is(await status(token), 200)
  const [, , signed = ''] = token.split('.')
  const [, , foreign = ''] = other.split('.')
  const [signature, message] = [decode(signed)?.subarray(-64), decode(foreign)?.subarray(0, -64)]
  const body = encode(Buffer.concat([message ?? Buffer.alloc(0), signature ?? Buffer.alloc(0)]))
  t.is(body.slice(-80), signed.slice(-80), 'both have the same place in the cache')
  for (let i = 0; i < 2; i++) t.is(await status(token.replace(signed, body)), 401)
  t.true(ask(token).isImmediate)
})

test('verifier whose `verify` is replaced, wrapped or behind a Proxy → the guard asks that one', async t => {
  const { verify, ...verifier } = createVerifier({ issuer, keys })
  const token = signAs(key, userClaims(issuer))
  t.is(await openGuard({ ...verifier, verify }).status(token), 200)
  const asked: string[] = []
  const recording: Verifier['verify'] = text => {
    asked.push(text)
    return verify(text)
  }
  const apply = (_target: unknown, _self: unknown, [text = '']: string[]) => recording(text)
  const wrapper: Verifier['verify'] = Object.assign(recording.bind(null), verify)
  const others = [recording, wrapper, new Proxy<Verifier['verify']>(verify, { apply })]
  for (const other of others) {
    t.is(await openGuard({ ...verifier, verify: other }).status(token), 200)
    t.deepEqual(asked.splice(0), [token])
  }
})

test('global Promise replaced, as zone.js does → first request and later ones are decided', async t => {
  const native = globalThis.Promise
  t.teardown(() => Object.assign(globalThis, { Promise: native }))
  const { promise: passed, resolve: pass, reject: fail } = native.withResolvers<void>()
  await using server = await openKeyServer(key)
  const guard = nodeGuards.requireAuth(createVerifier({ issuer: server.url }))
  const authorization = `Bearer ${signAs(key, userClaims(server.url))}`
  globalThis.Promise = class extends Promise<never> {} as PromiseConstructor
  runGuard(guard, { headers: { authorization } }, { pass, fail, refuse: ({ body }) => fail(new Error(body)) })
  await passed
  t.is(guard({ headers: { authorization } }), null)
})

test('key withdrawn and issuer down → the verified token gets 503 without an unhandled rejection', async t => {
  const [old, newer] = [generateKey(), generateKey()]
  await using server = await openKeyServer(old)
  const { status } = openGuard(createVerifier({ issuer: server.url }))
  const token = signAs(old, userClaims(server.url))
  t.is(await status(token), 200)
  server.keys = [newer]
  mock.timers.tick(301_000)
  t.is(await status(token), 200)
  t.is(await status(signAs(newer, userClaims(server.url))), 200)
  mock.timers.tick(11_000)
  server.listener = (_request, reply) => reply.writeHead(500).end()
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.is(await status(token), 503)
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', note)
  t.deepEqual(unhandled, [])
})
