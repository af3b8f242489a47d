import test from 'ava'
import bcrypt from 'bcrypt'
import { decoyHash, openHasher } from '../../src/crypto/password.ts'

// Where the machine is busy, threads of low priority are not what is tested.
const patience = 60_000

test('an account that is not there costs one bcrypt at the current cost', t => {
  const decoy = decoyHash(12)
  t.is(bcrypt.getRounds(decoy), 12)
  t.is(decoy.length, bcrypt.hashSync('x', 4).length)
  t.regex(decoy, /^\$2b\$12\$[./A-Za-z0-9]{53}$/)
  t.not(decoyHash(12), decoy)
})

test('bcrypt reads the decoy as a hash: its cost and salt are usable as they are', t => {
  const decoy = decoyHash(4)
  // 28 characters: version, cost and salt but for its last character, whose unused bits bcrypt clears.
  t.is(bcrypt.hashSync('password', decoy.slice(0, 29)).slice(0, 28), decoy.slice(0, 28))
  t.false(bcrypt.compareSync('password', decoy))
})

test('the account that is not there takes its turn in the same queue', async t => {
  await using hasher = openHasher({ cost: 4, threads: 1, maxQueue: 1, patience })
  const none = { matches: false, needsRehash: false }
  const first = hasher.compare('password', null)
  const second = hasher.compare('password', null)
  await t.throwsAsync(hasher.compare('password', null), { code: 'ERR_HASHER_BUSY' })
  t.deepEqual(await first, none)
  t.deepEqual(await second, none)
})

test('what is no bcrypt hash is treated like no account', async t => {
  await using hasher = openHasher({ cost: 4, threads: 1, patience })
  const stored = await hasher.hash('password')
  for (const broken of [
    '',
    'x',
    '!',
    stored.slice(0, -1),
    `${stored}x`,
    `${stored}\n`,
    stored.replace('$04$', '$99$'),
  ])
    t.deepEqual(await hasher.compare('password', broken), { matches: false, needsRehash: false })
})
