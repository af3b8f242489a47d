import { pbkdf2Sync } from 'node:crypto'
import anyTest from 'ava'
import bcrypt from 'bcrypt'
import { importUsers } from '../../../src/features/user-import/import-users.ts'
import { findHashesInUse } from '../../../src/features/users/store.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// An imported hash may cost more time than ours. The time of a login with a wrong password must not reveal
// that such an account exists.

const test = anyTest.serial

const world = await openLocalWorld()
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, deps, sql } = world

const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
const salt = Buffer.from('sixteen byte salt')
const pbkdf2 = `$pbkdf2-sha512$i=30000$${plain(salt)}$${plain(pbkdf2Sync(password, salt, 30_000, 64, 'sha512'))}`

const imported = async (password_hash: string): Promise<string> => {
  const email = anEmail()
  const lines = async function* () {
    yield JSON.stringify({ email, password_hash })
  }
  const { imported: count } = await importUsers(deps, lines(), { dryRun: false })
  if (count !== 1) throw new Error('nothing was imported')
  return email
}

/** Response times of a login with a wrong password for each address, in several rounds. */
const measured = async (emails: string[], at = client, rounds = 4): Promise<number[][]> => {
  const all: number[][] = []
  for (let round = 0; round < rounds; round++) {
    const times: number[] = []
    for (const email of emails) {
      const began = performance.now()
      const { status } = await at.post('login', { email, password: 'wrong horse 9' })
      if (status !== 401) throw new Error(`login answered ${status}`)
      times.push(performance.now() - began)
    }
    all.push(times)
  }
  return all
}

const leastOf = (all: number[][]): number => Math.min(...all.flat())

// If this work is missing, the times differ by a factor of at least ten in every round. A busy machine spoils
// some rounds.
test('expensive hashes imported → a failed login takes equal time for any email on each instance', async t => {
  const { email } = await anAccount(client)
  const expensive = [await imported(bcrypt.hashSync(password, 10)), await imported(pbkdf2)]
  for (const at of [client, other.client]) {
    const rounds = await measured([anEmail(), email, ...expensive], at)
    const spreads = rounds.map(times => Math.max(...times) / Math.min(...times))
    t.true(Math.min(...spreads) < 4, `${rounds.join(' | ')}`)
  }
})

test('owners of expensive hashes have signed in → a wrong password costs one of our own hashes again', async t => {
  const before = leastOf(await measured([anEmail()]))
  const expensive = await sql<{ email: string }>(
    `SELECT email FROM users WHERE password_hash !~ '^\\$2b\\$04\\$'`,
  )
  t.true(expensive.length > 0)
  for (const { email } of expensive) t.is((await client.post('login', { email, password })).status, 200)
  const after = leastOf(await measured([anEmail()], client, 20))
  t.true(after * 3 < before, `${before} and ${after}`)
})

test('findHashesInUse → one sample hash for each format and cost in use', async t => {
  const hashes = [
    ...[5, 5, 6].map(cost => bcrypt.hashSync(password, cost)),
    bcrypt.hashSync(password, 5).replace('$2b$', '$2y$'),
    ...[pbkdf2, pbkdf2.replace('i=30000', 'i=20000')],
  ]
  for (const hash of hashes) await imported(hash)
  const forms = (await findHashesInUse(deps.reads)).map(hash => hash.split('$').slice(0, 3).join('$'))
  t.deepEqual(forms.filter(form => form !== '$2b$04').sort(), [
    '$2b$05',
    '$2b$06',
    '$2y$05',
    '$pbkdf2-sha512$i=20000',
    '$pbkdf2-sha512$i=30000',
  ])
})

test('20,000 accounts → findHashesInUse reads the index instead of scanning the users table', async t => {
  const [hash] = await sql<{ hash: string }>('SELECT password_hash AS hash FROM users LIMIT 1')
  await sql(
    `INSERT INTO users (id, email, password_hash)
      SELECT gen_random_uuid(), 'many-' || i || '@example.com', $1 FROM generate_series(1, 20000) i`,
    [hash?.hash],
  )
  await sql('ANALYZE users')
  const scans = async () => {
    const [row] = await sql<{ rows: number; scans: number }>(
      `SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'users')::int AS rows,
        (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'users_password_form_idx')::int AS scans`,
    )
    return row ?? { rows: 0, scans: 0 }
  }
  const before = await until('the counts of the index', scans)
  await findHashesInUse(deps.reads)
  const after = await until('the index to be read', async () => {
    const now = await scans()
    return now.scans > before.scans && now
  })
  t.true(after.rows - before.rows < 1000, `${after.rows - before.rows} rows were read one by one`)
})
