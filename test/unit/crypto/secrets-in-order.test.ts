import { randomUUID } from 'node:crypto'
import test from 'ava'
import {
  firstSecret,
  nextToken,
  readRefreshToken,
  writeRefreshToken,
} from '../../../src/features/sessions/refresh-token.ts'
import { codeHash, emailSecrets, isTokenOf } from '../../../src/platform/crypto/one-time-token.ts'
import { deriveSecrets, keysOfSecret } from '../../../src/platform/crypto/secrets.ts'

// What derives from APP_SECRET while it lists two secrets, in either order.

const [oldSecret, newSecret] = ['the old secret of this application', 'the new secret of this application']
const old = deriveSecrets([oldSecret])
const oldThenNew = deriveSecrets([oldSecret, newSecret])
const newThenOld = deriveSecrets([newSecret, oldSecret])
const onlyNew = deriveSecrets([newSecret])

const aToken = ({ current }: typeof old) => ({
  ...{ userId: randomUUID(), sessionId: randomUUID(), secret: firstSecret() },
  keys: current,
})

test('id of a secret → the same in every list, another one for each secret, and no part of it', t => {
  t.is(newThenOld.all[1]?.id, old.current.id)
  t.not(old.current.id, newThenOld.current.id)
  t.regex(old.current.id, /^[\w-]{8}$/)
  t.is(keysOfSecret(newThenOld, old.current.id), newThenOld.all[1])
  t.is(keysOfSecret(newThenOld, 'AAAAAAAA'), undefined)
  t.is(keysOfSecret(newThenOld, null), undefined)
})

test('refresh token of a secret → read by every list that has it, and by no other', t => {
  const text = writeRefreshToken(aToken(old))
  for (const secrets of [old, oldThenNew, newThenOld])
    t.is(readRefreshToken(secrets, text)?.keys.id, old.current.id)
  t.is(readRefreshToken(onlyNew, text), null)
})

test('chain of refresh tokens under changing lists → the same whichever list computes it', t => {
  const order = [old, oldThenNew, newThenOld, oldThenNew, newThenOld, onlyNew]
  let text = writeRefreshToken(aToken(old))
  for (const made of order) {
    const texts = [oldThenNew, newThenOld].map(by => {
      const token = readRefreshToken(by, text)
      const keys = keysOfSecret(by, made.current.id)
      return token && keys && writeRefreshToken(nextToken(token, keys))
    })
    t.is(texts[0], texts[1])
    t.not(texts[0], text)
    text = texts[0] ?? ''
  }
  t.is(readRefreshToken(onlyNew, text)?.keys.id, onlyNew.current.id)
})

test('successors of one token under two secrets → two different tokens', t => {
  const token = aToken(old)
  const successors = newThenOld.all.map(keys => nextToken(token, keys).secret.toString('hex'))
  t.is(new Set(successors).size, 2)
})

test('token of an email → recognised by every list that has its secret, and by no other', t => {
  const email = { purpose: 'reset_password', emailId: randomUUID() }
  const { secret, code } = emailSecrets(old.current.mail, email.purpose, email.emailId)
  for (const secrets of [old, oldThenNew, newThenOld]) t.true(isTokenOf(secrets, email, secret))
  t.false(isTokenOf(onlyNew, email, secret))
  t.false(isTokenOf(newThenOld, { ...email, purpose: 'verify_email' }, secret))
  const hashes = newThenOld.all.map(({ mail }) => codeHash(mail, 'a user', email.purpose, code))
  t.true(hashes.includes(codeHash(old.current.mail, 'a user', email.purpose, code)))
})
