import { randomBytes } from 'node:crypto'
import test from 'ava'
import { decode, encode } from '../../../src/platform/base/base64url.ts'
import { deriveKey, hmac, sameBytes, sha256 } from '../../../src/platform/crypto/derive.ts'
import { seal, unseal } from '../../../src/platform/crypto/seal.ts'

const key = randomBytes(32)
const secret = Buffer.from('k4.secret.something')

test('sealed secret → opens only with its key and its name', t => {
  const sealed = seal(key, secret, 'row 1')
  t.deepEqual(unseal(key, sealed, 'row 1'), secret)
  t.is(unseal(key, sealed, 'row 2'), null)
  t.is(unseal(key, sealed, ''), null)
  t.is(unseal(randomBytes(32), sealed, 'row 1'), null)
})

test('secret sealed twice → two different texts without the secret', t => {
  const [one, two] = [seal(key, secret, 'x'), seal(key, secret, 'x')]
  t.not(one, two)
  t.false(decode(one.slice(3))?.includes(secret))
})

test('sealed text that is cut, changed or of another version → does not open', t => {
  const sealed = seal(key, secret, 'x')
  for (let length = 0; length < sealed.length; length++) {
    t.is(unseal(key, sealed.slice(0, length), 'x'), null)
    const other = sealed[length] === 'A' ? 'B' : 'A'
    t.is(unseal(key, sealed.slice(0, length) + other + sealed.slice(length + 1), 'x'), null)
  }
  for (const text of [
    `v2.${sealed.slice(3)}`,
    sealed.slice(3),
    `${sealed}=`,
    ` ${sealed}`,
    `${sealed}AAAA`,
    '',
    'v1.',
  ])
    t.is(unseal(key, text, 'x'), null)
})

test('empty secret → sealed and opened again', t => {
  t.deepEqual(unseal(key, seal(key, Buffer.alloc(0), 'x'), 'x'), Buffer.alloc(0))
})

test('base64url of one byte → exactly one spelling is decoded', t => {
  t.is(encode(Buffer.from([0xff])), '_w')
  t.deepEqual(decode('_w'), Buffer.from([0xff]))
  for (const text of ['_w==', '_x', '/w', '_w\n', ' _w', '_ w', '_w.', '_', '_wé']) t.is(decode(text), null)
  t.deepEqual(decode(''), Buffer.alloc(0))
})

test('base64url of any length → decoded to the same bytes, also from a part of a buffer', t => {
  for (let length = 0; length < 70; length++) {
    const bytes = randomBytes(80).subarray(5, 5 + length)
    t.deepEqual(decode(encode(bytes)), Buffer.from(bytes))
    t.deepEqual(decode(encode(new Uint8Array(bytes))), Buffer.from(bytes))
  }
})

test('hmac over several parts → moving bytes between parts changes the code', t => {
  const codes = [
    hmac(key, 'ab', 'c'),
    hmac(key, 'a', 'bc'),
    hmac(key, 'abc'),
    hmac(key, 'abc', ''),
    hmac(key, '', 'abc'),
    hmac(key, 'a', 'b', 'c'),
    hmac(key),
    hmac(key, ''),
  ]
  t.is(new Set(codes.map(code => code.toString('hex'))).size, codes.length)
  t.deepEqual(hmac(key, 'é'), hmac(key, Buffer.from('é')))
})

test('key derivation → one key for each label, the same at each start', t => {
  const one = deriveKey('a secret of the application', 'mail')
  t.is(one.length, 32)
  t.deepEqual(deriveKey('a secret of the application', 'mail'), one)
  t.notDeepEqual(deriveKey('a secret of the application', 'mail '), one)
  t.notDeepEqual(deriveKey('another secret', 'mail'), one)
  t.is(deriveKey('a secret of the application', 'mail', 64).length, 64)
  // Must never change: another value would make every stored secret unreadable.
  t.is(sha256(one).toString('hex').slice(0, 16), '6bda3cceb6eeb268')
})

test('sameBytes with different lengths → false without an exception', t => {
  t.true(sameBytes(sha256('a'), sha256(Buffer.from('a'))))
  t.false(sameBytes(sha256('a'), sha256('b')))
  t.false(sameBytes(Buffer.from('a'), Buffer.from('ab')))
})
