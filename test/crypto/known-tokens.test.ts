import type { KeyObject } from 'node:crypto'
import test from 'ava'
import { openTokenCheck } from '../../src/crypto/known-tokens.ts'
import {
  generateKey,
  importPublic,
  importSecret,
  type PublicKey,
  signToken,
} from '../../src/crypto/paseto.ts'

// A token that is remembered costs no signature check, and is worth no more than one that is not.

const issuer = 'https://auth.example'
const noon = new Date('2026-01-01T12:00:00Z')
const later = (seconds: number): Date => new Date(noon.getTime() + seconds * 1000)
const made = generateKey()
const secret = importSecret(made.paserkSecret)

const sign = (sid: string, { now = noon, ttlSeconds = 900 } = {}): string => {
  const claims = { iss: issuer, aud: issuer, sub: 'a user', sid, roles: ['user'] }
  return signToken({ kid: made.kid, secret }, claims, { now, ttlSeconds })
}

/** A key that counts how often a signature is checked with it. */
const counting = (paserk = made.paserkPublic): { key: PublicKey; checked: () => number } => {
  const { handle, ...rest } = importPublic(paserk)
  let checks = 0
  const key = Object.defineProperty(rest, 'handle', {
    get: (): KeyObject => {
      checks++
      return handle
    },
  }) as unknown as PublicKey
  return { key, checked: () => checks }
}

const opened = (atMost = 100) => {
  const { key, checked } = counting()
  const ring = new Map([[key.kid, key]])
  const check = openTokenCheck({
    ...{ issuer, audience: issuer, clockTolerance: 5, atMost },
    findKey: async kid => ring.get(kid) ?? null,
  })
  return { ring, key, check, checked }
}

test('a signature is checked once, however often its token comes', async t => {
  const { check, checked } = opened()
  const token = await sign('one')
  const first = await check(token, noon)
  for (let i = 0; i < 5; i++) t.deepEqual(await check(token, later(i)), first)
  t.is(checked(), 1)
})

test('a token that differs from a remembered one in one character is refused', async t => {
  const { check } = opened()
  const token = await sign('one')
  await check(token, noon)
  for (const at of [10, 40, 200, token.length - 75, token.length - 1]) {
    const other = token[at] === 'A' ? 'B' : 'A'
    t.is(await check(token.slice(0, at) + other + token.slice(at + 1), noon), 'invalid')
  }
  t.is(await check(`${token} `, noon), 'invalid')
  t.is(await check(token.toLowerCase(), noon), 'invalid')
})

test('a remembered token is told to have expired, to the second, and is forgotten', async t => {
  const { check, checked } = opened()
  const token = await sign('one')
  const at = async (seconds: number) => {
    const outcome = await check(token, later(seconds))
    return outcome === 'invalid' ? outcome : outcome.isExpired
  }
  t.is(await at(0), false)
  t.is(await at(905), false)
  t.is(checked(), 1)
  t.is(await at(906), true)
  t.is(await at(906), true)
  t.is(checked(), 2)
})

test('a token of the future is refused, remembered or not', async t => {
  const { check } = opened()
  const token = await sign('one', { now: later(60) })
  t.is(await check(token, noon), 'invalid')
  t.not(await check(token, later(60)), 'invalid')
  t.is(await check(token, noon), 'invalid')
})

test('a key that is withdrawn takes the tokens that are remembered along', async t => {
  const { check, ring, key } = opened()
  const token = await sign('one')
  t.not(await check(token, noon), 'invalid')
  ring.delete(key.kid)
  t.is(await check(token, noon), 'invalid')
})

test('a ring that was read again has its tokens checked again', async t => {
  const { check, ring, key } = opened()
  const token = await sign('one')
  await check(token, noon)
  const again = counting()
  ring.set(key.kid, again.key)
  t.not(await check(token, noon), 'invalid')
  t.is(again.checked(), 1)

  const { key: foreign } = counting(generateKey().paserkPublic)
  ring.set(key.kid, Object.defineProperty(foreign, 'kid', { value: key.kid }))
  t.is(await check(token, noon), 'invalid')
  ring.set(key.kid, key)
  t.not(await check(token, noon), 'invalid')
})

test('no more than so many are remembered, those that come again among them', async t => {
  const { check, checked } = opened(10)
  const tokens = await Promise.all(Array.from({ length: 40 }, (_, i) => sign(`number ${i}`)))
  const [steady = ''] = tokens
  for (const token of tokens) {
    await check(token, noon)
    await check(steady, noon)
  }
  t.is(checked(), 40, 'one that comes again and again is not checked again')
  for (const token of tokens.slice(1, 30)) await check(token, noon)
  t.is(checked(), 69, 'those that came long ago are')
})

test('a handler cannot change what the next request is told', async t => {
  const { check } = opened()
  const token = await sign('one')
  const first = await check(token, noon)
  if (first === 'invalid') return t.fail()
  t.throws(() => (first.claims.roles as string[]).push('admin'), { instanceOf: TypeError })
  t.throws(() => Object.assign(first.claims, { sub: 'another' }), { instanceOf: TypeError })
  const second = await check(token, noon)
  t.deepEqual(second === 'invalid' ? second : second.claims.roles, ['user'])
})
