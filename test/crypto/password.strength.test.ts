import test from 'ava'
import bcrypt from 'bcrypt'
import { openHasher } from '../../src/crypto/password.ts'

const hasher = openHasher({ cost: 4, threads: 2, patience: 60_000 })
test.after.always(() => hasher[Symbol.asyncDispose]())

const matches = async (password: string, other: string) =>
  (await hasher.compare(other, await hasher.hash(password))).matches

const a72 = 'A'.repeat(72)
const emoji = '😀'.repeat(63)
const different: Record<string, [string, string]> = {
  'after 72 bytes': [`${a72}x`, `${a72}y`],
  'after 72 bytes, or nothing there': [`${a72}x`, a72],
  'after a NUL': ['abc\0d', 'abc\0e'],
  'a NUL at the end': ['abc\0', 'abc'],
  'a space at the end': ['correct horse ', 'correct horse'],
  'a space before': [' correct horse', 'correct horse'],
  'the case of a letter': ['Correct horse', 'correct horse'],
  'the last of 64 emoji': [`${emoji}😀`, `${emoji}😁`],
  'the last of 64 letters with an accent': [`${'é'.repeat(63)}é`, `${'é'.repeat(63)}è`],
  'wide letters, which only NFKC would fold': ['ｐassword1', 'password1'],
  'the last of 256 emoji': [`${'😀'.repeat(255)}😀`, `${'😀'.repeat(255)}😁`],
}

for (const [name, [password, other]] of Object.entries(different)) {
  test(`two passwords are two: ${name}`, async t => {
    t.true(await matches(password, password))
    t.true(await matches(other, other))
    t.false(await matches(password, other))
    t.false(await matches(other, password))
  })
}

test('one word is one password, composed or decomposed, short or long', async t => {
  for (const word of ['crème brûlée 7', 'é'.repeat(80)]) {
    t.not(word.normalize('NFC'), word.normalize('NFD'))
    t.true(await matches(word.normalize('NFC'), word.normalize('NFD')))
    t.true(await matches(word.normalize('NFD'), word.normalize('NFC')))
  }
})

test('a password of up to 72 bytes is plain bcrypt, so that imported hashes go on working', async t => {
  t.true((await hasher.compare(a72, bcrypt.hashSync(a72, 4))).matches)
  t.true(bcrypt.compareSync(a72, await hasher.hash(a72)))
})

test('a NUL never reaches bcrypt, for other implementations end there', async t => {
  t.false(bcrypt.compareSync('abc\0d', await hasher.hash('abc\0d')))
  t.true(await matches('abc\0d', 'abc\0d'))
})

test('a hash made by PHP ($2y$) or an old bcrypt ($2a$) is compared as one', async t => {
  const stored = await hasher.hash('tr0ub4dor')
  for (const version of ['$2y$', '$2a$']) {
    const { matches } = await hasher.compare('tr0ub4dor', stored.replace('$2b$', version))
    t.true(matches)
    t.false((await hasher.compare('tr0ub4dor ', stored.replace('$2b$', version))).matches)
  }
})

test('a hash of another cost asks to be made anew, but only with the right password', async t => {
  const other = bcrypt.hashSync('tr0ub4dor', 5)
  t.deepEqual(await hasher.compare('tr0ub4dor', other), { matches: true, needsRehash: true })
  t.deepEqual(await hasher.compare('wrong', other), { matches: false, needsRehash: false })
  const current = await hasher.hash('tr0ub4dor')
  t.true(current.startsWith('$2b$04$'))
  t.deepEqual(await hasher.compare('tr0ub4dor', current), { matches: true, needsRehash: false })
})

test('a cost that bcrypt would silently change, or no thread, is refused at start', t => {
  for (const cost of [3, 32, 4.5, Number.NaN])
    t.throws(() => openHasher({ cost }), { instanceOf: RangeError })
  t.throws(() => openHasher({ cost: 4, threads: 0 }), { instanceOf: RangeError })
})
