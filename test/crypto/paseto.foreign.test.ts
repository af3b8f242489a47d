import test from 'ava'
import { sign, verify } from 'paseto-ts/v4'
import {
  generateKey,
  importPublic,
  importSecret,
  keyId,
  signToken,
  verifyToken,
} from '../../src/crypto/paseto.ts'

const issuer = 'https://accounts.example'
const now = new Date()
const expected = { issuer, audience: issuer, now }
const claims = { iss: issuer, aud: issuer, sub: 'user-1', sid: 'session-1' }

test('another implementation verifies our token with our published key', async t => {
  const { kid, paserkPublic, paserkSecret } = generateKey()
  const token = signToken({ kid, secret: importSecret(paserkSecret) }, claims, { now, ttlSeconds: 900 })
  const read = verify(paserkPublic, token)
  t.like(read.payload, claims)
  t.deepEqual(read.footer, { kid })
  t.throws(() => verify(generateKey().paserkPublic, token))
})

test('another implementation writes this very token of the same claims, whatever they hold', t => {
  const { kid, paserkSecret } = generateKey()
  const secret = importSecret(paserkSecret)
  for (const name of ['Ada', 'Zoltán "Z" \\ Ünï', 'آدا', '𝒜\u{1F511}', '\uD800', '<b>\u2028\0', '']) {
    const said = { ...claims, name, roles: ['admin', name], email_verified: true }
    const [iat, exp] = ['2020-01-01T00:00:00Z', '2120-01-01T00:00:00Z']
    const options = { footer: { kid }, addExp: false, addIat: false }
    const theirs = sign(paserkSecret, { ...said, iat, exp }, options)
    const [now, ttlSeconds] = [
      new Date('2020-01-01T00:00:00.999Z'),
      (Date.parse(exp) - Date.parse(iat)) / 1000,
    ]
    t.is(signToken({ kid, secret }, said, { now, ttlSeconds }), theirs, name)
  }
})

test('we verify a token that another implementation signed with our key', async t => {
  const { kid, paserkPublic, paserkSecret } = generateKey()
  const [iat, exp] = [now.toISOString(), new Date(now.valueOf() + 900_000).toISOString()]
  const token = sign(paserkSecret, { ...claims, iat, exp }, { footer: { kid }, addExp: false, addIat: false })
  t.deepEqual(await verifyToken(importPublic(paserkPublic), token, expected), {
    claims: { ...claims, iat, exp },
  })
})

test('we refuse a token that another implementation signed with a key of its own', async t => {
  const ours = generateKey()
  const theirs = generateKey()
  const [iat, exp] = [now.toISOString(), new Date(now.valueOf() + 900_000).toISOString()]
  const options = { addExp: false, addIat: false }
  for (const kid of [ours.kid, theirs.kid, keyId(theirs.paserkPublic)]) {
    const token = sign(theirs.paserkSecret, { ...claims, iat, exp }, { ...options, footer: { kid } })
    t.is(await verifyToken(importPublic(ours.paserkPublic), token, expected), 'invalid')
  }
})
