import { readFileSync } from 'node:fs'
import { mock } from 'node:test'
import anyTest from 'ava'
import { PublicProtocol } from 'paseto'
import { ImportPublicKeyFactory, VerifyFactory } from 'paseto/v4/public'
import { verify as verifyForeign } from 'paseto-ts/v4'
import { TokenError } from '../../packages/guard/src/token-error.ts'
import { createVerifier } from '../../packages/guard/src/verifier.ts'
import { openTokenCheck } from '../../src/platform/crypto/paseto.ts'
import { importPublic } from '../../src/platform/crypto/paseto-keys.ts'
import type { TokenVector, tokenVectors } from '../../src/processes/docs/token-vectors.ts'

// The published test vectors, as another language reads them. Every verifier must agree with them.

const file = new URL('../../docs/token-vectors.json', import.meta.url)
const vectors: Omit<typeof tokenVectors, 'tokens'> & { tokens: TokenVector[] } = JSON.parse(
  readFileSync(file, 'utf8'),
)
const { issuer, audience, keys, tokens, clock_tolerance: clockTolerance, revocations } = vectors
const now = new Date(vectors.now)

const test = anyTest.serial
mock.timers.enable({ apis: ['Date'], now })
anyTest.after.always(() => mock.timers.reset())

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[3] ?? '', 'base64url').toString() || '{}').kid
const paserkOf = (token: string): `k4.public.${string}` => {
  const { paserk = '' } = keys.find(({ kid }) => kid === kidOf(token)) ?? {}
  return `k4.public.${paserk.replace('k4.public.', '')}`
}

test('every kind of result → has vectors, and each has a name and a text of its own', t => {
  t.deepEqual([...new Set(tokens.map(({ result }) => result))].sort(), [
    'INVALID_TOKEN',
    'TOKEN_EXPIRED',
    'accept',
  ])
  t.is(new Set(tokens.map(({ name }) => name)).size, tokens.length)
  t.is(new Set(tokens.map(({ token }) => token)).size, tokens.length)
})

const { verify } = createVerifier({ issuer, audience, keys, clockTolerance })
const ring = new Map(keys.map(({ kid, paserk }) => [kid, importPublic(paserk)]))
const check = openTokenCheck({ issuer, audience, clockTolerance, findKey: kid => ring.get(kid) ?? null })

for (const { name, result, claims, token } of tokens)
  test(`vector "${name}" → the guard and the service agree: ${result}`, async t => {
    const byGuard = await verify(token).catch((error: unknown) => error)
    const byService = await check(token, now)
    if (result === 'accept') {
      t.deepEqual(byGuard, claims)
      t.deepEqual(byService, { claims, isExpired: false } as typeof byService)
    } else {
      t.is(byGuard instanceof TokenError && byGuard.code, result)
      if (result === 'INVALID_TOKEN') t.is(byService, 'invalid')
      else t.like(byService, { isExpired: true })
    }
  })

const v4 = new PublicProtocol(ImportPublicKeyFactory, VerifyFactory)

/** Whether the two PASETO libraries accept a token, with the key that its footer names. */
const byLibraries = async (token: string, implicit = ''): Promise<boolean[]> => {
  const options = { issuer, audience, clockTolerance, now, implicitAssertion: Buffer.from(implicit) }
  const first = async () => v4.Verify(await v4.ImportPublicKey(paserkOf(token)), token, options)
  const second = async () =>
    verifyForeign(paserkOf(token), token, { assertion: implicit, validatePayload: false })
  return (await Promise.allSettled([first(), second()])).map(({ status }) => status === 'fulfilled')
}

test('accepted vectors → two other implementations of PASETO accept them too', async t => {
  for (const { name, token } of tokens.filter(({ result }) => result === 'accept'))
    t.deepEqual(await byLibraries(token), [true, true], name)
})

test('vector that is refused by PASETO alone → another implementation refuses it too', async t => {
  for (const { name, token } of tokens.filter(
    ({ result, beyond_paseto }) => result !== 'accept' && !beyond_paseto,
  ))
    t.false((await byLibraries(token))[0], name)
})

test('feed of revocations → other implementations read it with its implicit assertion only', async t => {
  t.deepEqual(await byLibraries(revocations.token), [false, false])
  const key = await v4.ImportPublicKey(paserkOf(revocations.token))
  const options = {
    now,
    allowNonExpiring: true,
    implicitAssertion: Buffer.from(revocations.implicit_assertion),
  }
  const { claims } = await v4.Verify(key, revocations.token, options)
  t.deepEqual(claims, revocations.claims)
})
