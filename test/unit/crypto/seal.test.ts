import { createCipheriv, createHmac, randomBytes } from 'node:crypto'
import test from 'ava'
import { decode, encode } from '../../../src/platform/base/base64url.ts'
import type { AppSecrets } from '../../../src/platform/config/app-secret.ts'
import { deriveKey, hmac, macKey, sameBytes, sha256 } from '../../../src/platform/crypto/derive.ts'
import { seal, unseal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'

const key = randomBytes(32)
const [old, current] = ['the old secret of this application', 'the new secret of this application']
const secretsOf = (...list: AppSecrets) => deriveSecrets(list)
const one = secretsOf(current)
const secret = Buffer.from('k4.secret.something')

test('sealed secret → opens only with its key and its name', t => {
  const sealed = seal(one, secret, 'row 1')
  t.deepEqual(unseal(one, sealed, 'row 1'), secret)
  t.is(unseal(one, sealed, 'row 2'), null)
  t.is(unseal(one, sealed, ''), null)
  t.is(unseal(secretsOf(old), sealed, 'row 1'), null)
})

test('secret sealed under a previous APP_SECRET → opens under each list that has it, in any order', t => {
  const sealed = seal(secretsOf(old), secret, 'row 1')
  for (const list of [secretsOf(old, current), secretsOf(current, old), secretsOf(current, 'another', old)])
    t.deepEqual(unseal(list, sealed, 'row 1'), secret)
  t.is(unseal(one, sealed, 'row 1'), null)
  t.is(unseal(secretsOf(current, old), sealed, 'row 2'), null)
})

test('list of two secrets → seals under the first', t => {
  const sealed = seal(secretsOf(current, old), secret, 'row 1')
  t.deepEqual(unseal(one, sealed, 'row 1'), secret)
  t.is(unseal(secretsOf(old), sealed, 'row 1'), null)
})

test('secret sealed by a version that wrote no id of its key → opens under each list that has the key', t => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', deriveKey(old, 'sealed signing keys'), nonce)
  cipher.setAAD(Buffer.from('v1.row 1'))
  const bytes = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
  const sealed = `v1.${encode(bytes)}`
  for (const list of [secretsOf(old), secretsOf(old, current), secretsOf(current, old)])
    t.deepEqual(unseal(list, sealed, 'row 1'), secret)
  t.is(unseal(one, sealed, 'row 1'), null)
  t.is(unseal(secretsOf(old), sealed, 'row 2'), null)
})

test('secret sealed twice → two different texts without the secret', t => {
  const texts = [seal(one, secret, 'x'), seal(one, secret, 'x')]
  t.not(texts[0], texts[1])
  for (const text of texts) t.false(decode(text.split('.')[2] ?? '')?.includes(secret))
})

test('sealed text that is cut, changed or of another version → does not open', t => {
  const sealed = seal(one, secret, 'x')
  for (let length = 0; length < sealed.length; length++) {
    t.is(unseal(one, sealed.slice(0, length), 'x'), null)
    const other = sealed[length] === 'A' ? 'B' : 'A'
    t.is(unseal(one, sealed.slice(0, length) + other + sealed.slice(length + 1), 'x'), null)
  }
  const text = sealed.split('.')[2]
  for (const changed of [
    `v1.${text}`,
    `v3.${sealed.slice(3)}`,
    `v2.${secretsOf(old).current.id}.${text}`,
    `v2.${text}`,
    `v2..${text}`,
    text ?? '',
    `${sealed}=`,
    ` ${sealed}`,
    `${sealed}\n`,
    `${sealed}AAAA`,
    '',
    'v1.',
    'v2.',
  ])
    t.is(unseal(secretsOf(current, old), changed, 'x'), null)
})

test('empty secret → sealed and opened again', t => {
  t.deepEqual(unseal(one, seal(one, Buffer.alloc(0), 'x'), 'x'), Buffer.alloc(0))
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
  const mac = macKey(key)
  const codes = [
    hmac(mac, 'ab', 'c'),
    hmac(mac, 'a', 'bc'),
    hmac(mac, 'abc'),
    hmac(mac, 'abc', ''),
    hmac(mac, '', 'abc'),
    hmac(mac, 'a', 'b', 'c'),
    hmac(mac),
    hmac(mac, ''),
  ]
  t.is(new Set(codes.map(code => code.toString('hex'))).size, codes.length)
  t.deepEqual(hmac(mac, 'é'), hmac(mac, Buffer.from('é')))
})

test('hmac with a key and parts of any length → the code of createHmac', t => {
  for (let length = 0; length < 140; length++) {
    const secret = randomBytes(length)
    const parts = [randomBytes(length).subarray(length % 7), 'é'.repeat(length), randomBytes(3)]
    const expected = createHmac('sha256', secret)
    for (const part of parts) {
      const size = Buffer.alloc(4)
      size.writeUInt32BE(Buffer.byteLength(part))
      expected.update(size).update(part)
    }
    t.deepEqual(hmac(macKey(secret), ...parts), expected.digest())
  }
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
