import { argon2Sync, pbkdf2Sync, scryptSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import anyTest from 'ava'
import bcrypt from 'bcrypt'
import { bcryptCost } from '../../../src/platform/crypto/bcrypt-hash.ts'
import { decoysAfter } from '../../../src/platform/crypto/equal-work.ts'
import { pbkdf2Units, readForeignHash } from '../../../src/platform/crypto/foreign-hash.ts'
import { openHasher } from '../../../src/platform/crypto/password.ts'

const test = anyTest.serial

const salt = Buffer.from('sixteen byte salt')
const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
const word = 'correct horse 9'

const bcryptOf = (cost: number): string => bcrypt.hashSync(word, cost)
const pbkdf2Of = (digest: 'sha1' | 'sha256' | 'sha512', iterations: number, bytes = 32): string =>
  `$pbkdf2-${digest}$i=${iterations}$${plain(salt)}$${plain(pbkdf2Sync(word, salt, iterations, bytes, digest))}`
const scryptOf = (logN: number): string =>
  `$scrypt$ln=${logN},r=8,p=1$${plain(salt)}$${plain(scryptSync(word, salt, 32, { N: 2 ** logN }))}`
const argon2Of = (passes: number): string => {
  const hash = argon2Sync('argon2id', {
    ...{ message: word, nonce: salt, memory: 64, passes, parallelism: 1, tagLength: 32 },
  })
  return `$argon2id$v=19$m=64,t=${passes},p=1$${plain(salt)}$${plain(hash)}`
}

/** The total cost of these hashes, by kind. */
const workOf = (hashes: (string | null)[]): Record<string, number> => {
  const work: Record<string, number> = {}
  const add = (kind: string, amount: number) => {
    work[kind] = (work[kind] ?? 0) + amount
  }
  for (const hash of hashes) {
    const cost = hash === null ? null : bcryptCost(hash)
    const foreign = hash === null ? null : readForeignHash(hash)
    if (cost !== null) add('bcrypt', 2 ** cost)
    else if (foreign?.kind === 'pbkdf2') add(foreign.digest, pbkdf2Units(foreign))
    else if (foreign) add(JSON.stringify({ ...foreign, salt: '', hash: '' }), 1)
  }
  return Object.fromEntries(Object.entries(work).sort())
}

const mixes: Record<string, string[]> = {
  'bcrypt at three costs': [bcryptOf(4), bcryptOf(6), bcryptOf(5)],
  'bcrypt cheaper than ours': [bcryptOf(4)],
  'PBKDF2 at several counts and digests': [
    ...[1000, 3000, 2000].map(count => pbkdf2Of('sha256', count)),
    pbkdf2Of('sha512', 500),
    pbkdf2Of('sha1', 700, 40),
  ],
  'scrypt and argon2 beside bcrypt': [bcryptOf(6), scryptOf(10), scryptOf(11), argon2Of(2), argon2Of(3)],
  'no hash': [],
}

for (const [mix, inUse] of Object.entries(mixes))
  test(`${mix} in use → a wrong password costs the same for each hash and for no account`, t => {
    const work = workOf(decoysAfter(null, 5, inUse))
    const ours = bcryptOf(5)
    for (const hash of [...inUse, ours, bcryptOf(4)])
      t.deepEqual(workOf([hash, ...decoysAfter(hash, 5, inUse)]), work)
  })

test('no hash in use costs more than ours → one bcrypt at our cost', t => {
  t.deepEqual(workOf(decoysAfter(null, 6, [bcryptOf(4)])), { bcrypt: 64 })
  t.deepEqual(decoysAfter(bcryptOf(6), 6, [bcryptOf(4)]), [])
})

test('bcrypt hash above cost 16, which import refuses → not padded for and not compared', async t => {
  const costliest = bcryptOf(4).replace('$04$', '$31$')
  t.deepEqual(workOf(decoysAfter(null, 4, [costliest])), { bcrypt: 16 })
  await using hasher = openHasher({ cost: 4, threads: 1, timeoutMs: 60_000 })
  t.deepEqual(await hasher.compare(word, costliest, { inUse: [costliest] }), {
    matches: false,
    needsRehash: false,
  })
})

test('many scrypt and argon2 parameters in use → the same four are padded for', t => {
  const inUse = [1, 2, 3, 4].map(argon2Of).concat([5, 6, 7].map(scryptOf))
  const pads = decoysAfter(null, 4, inUse)
  t.is(pads.length, 1 + 4)
  t.deepEqual(workOf(decoysAfter(null, 4, inUse.toReversed())), workOf(pads))
})

test('invalid hashes among those in use → ignored', t => {
  t.deepEqual(workOf(decoysAfter(null, 4, ['', '!', 'no hash', '$2b$99$x'])), { bcrypt: 16 })
})

test('correct password → matches without padding work', async t => {
  await using hasher = openHasher({ cost: 4, threads: 1, timeoutMs: 60_000 })
  const inUse = [bcryptOf(5), pbkdf2Of('sha256', 1000), scryptOf(5), argon2Of(1)]
  for (const hash of inUse) {
    t.deepEqual(await hasher.compare(word, hash, { inUse }), { matches: true, needsRehash: true })
    t.false((await hasher.compare(`${word}9`, hash, { inUse })).matches)
  }
  t.false((await hasher.compare(word, null, { inUse })).matches)
})

// If the padding is missing, the work differs by a factor of 64 in every round. A busy machine spoils some
// rounds.
test('measured time of a wrong password → similar for no account, a cheap and an expensive hash', async t => {
  await using hasher = openHasher({ cost: 4, threads: 1, timeoutMs: 60_000 })
  const expensive = [bcryptOf(10), pbkdf2Of('sha512', 60_000)]
  const spreads: number[] = []
  for (let round = 0; round < 5; round++) {
    const times: number[] = []
    for (const hash of [null, bcryptOf(4), ...expensive]) {
      const began = performance.now()
      await hasher.compare('wrong horse 9', hash, { inUse: expensive })
      times.push(performance.now() - began)
    }
    spreads.push(Math.max(...times) / Math.min(...times))
  }
  t.true(Math.min(...spreads) < 5, `${spreads}`)
})
