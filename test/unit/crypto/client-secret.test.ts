import test from 'ava'
import fc from 'fast-check'
import {
  clientIdShape,
  isSecret,
  newClientId,
  newSecret,
  secretHash,
  secretPrefix,
} from '../../../src/platform/crypto/client-secret.ts'

test('new secret → lks_, 43 letters and digits, and a checksum of six', t => {
  const secrets = Array.from({ length: 200 }, newSecret)
  for (const secret of secrets) {
    t.regex(secret, /^lks_[0-9A-Za-z]{49}$/)
    t.true(isSecret(secret))
    t.regex(secretPrefix(secret), /^lks_[0-9A-Za-z]{8}$/)
  }
  t.is(new Set(secrets).size, secrets.length)
})

test('a fixed secret → the same checksum in every version, so that scanners keep finding old ones', t => {
  t.true(isSecret('lks_00000000000000000000000000000000000000000003GTfko'))
  t.is(secretHash('lks_0'), 'JxX7X5cn-6rqO57Q-7pzEIIF1HY3sDsCwps2EmAVqyI')
})

test('a secret with one other, missing or added character → not a secret', t => {
  const secret = newSecret()
  fc.assert(
    fc.property(fc.nat(secret.length - 1), fc.constantFrom(...'0aZ-_ \0é'), (at, letter) => {
      const changed = secret.slice(0, at) + letter + secret.slice(at + 1)
      return changed === secret || !isSecret(changed)
    }),
  )
  for (const text of [secret.slice(0, -1), `${secret}a`, ` ${secret}`, `${secret}\n`, secret.toLowerCase()])
    t.false(isSecret(text), text)
})

test('new ids of clients → sort by the time of their creation', t => {
  const ids = Array.from({ length: 50 }, newClientId)
  for (const id of ids) t.regex(id, clientIdShape)
  t.deepEqual([...ids].sort(), ids)
})
