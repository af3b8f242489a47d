import anyTest from 'ava'
import { countSealedRows } from '../../../src/features/app-secret/count-sealed-rows.ts'
import { reportSecrets } from '../../../src/features/app-secret/report-secrets.ts'
import { resealRows } from '../../../src/features/app-secret/reseal-rows.ts'
import type { ListInUse } from '../../../src/features/app-secret/store.ts'
import { openKeyRing } from '../../../src/features/signing-keys/open-key-ring.ts'
import { exitCodeOf } from '../../../src/platform/config/config.ts'
import { unseal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { testSecret } from '../../template.ts'
import { until } from '../../until.ts'
import { runCommand } from '../cli/run-command.ts'
import { lists, newSecret } from './secret-lists.ts'

// Rows that are sealed anew after APP_SECRET has changed, and `latchkey secrets status`.

const test = anyTest.serial

const world = await openLocalWorld({ worker: true })
anyTest.after.always(() => world[Symbol.asyncDispose]())

const old = deriveSecrets([testSecret])
const newThenOld = deriveSecrets([newSecret, testSecret])
const onlyNew = deriveSecrets([newSecret])
const [newId = '', oldId = ''] = newThenOld.all.map(({ id }) => id)
const withSecrets = (secrets: typeof old) => ({ ...world.deps, secrets })

const keyRow = async () => {
  const [row] = await world.sql<{ kid: string; sealed_secret: string }>('SELECT * FROM signing_keys')
  return row ?? { kid: '', sealed_secret: '' }
}
const opensUnder = async (secrets: typeof old): Promise<boolean> => {
  const { kid, sealed_secret } = await keyRow()
  return unseal(secrets, sealed_secret, kid) !== null
}

const status = async (list: keyof typeof lists) => {
  const { code, json, err } = await runCommand({ ...world.env, APP_SECRET: lists[list] }, [
    ...['secrets', 'status', '--json'],
  ])
  if (code !== 0) throw new Error(err)
  return json
}

test('with one secret → nothing is sealed anew, and no secret can be dropped', async t => {
  t.is(await resealRows(world.deps), 0)
  const shown = await status('old')
  t.like(shown, { may_be_dropped_at: null, previous: [], current: { id: oldId } })
  t.deepEqual(shown.counts, { sessions: 0, links: 0, sealed_rows: 0 })
})

test('sessions, links and rows of the old secret → counted with the date at which the last one ends', async t => {
  const account = await anAccount(world.client)
  await anAccount(world.client)
  await world.mails.to(account.email)
  await until('both emails to be sent', async () => {
    const sent = await world.sql(`SELECT 1 FROM emails WHERE status = 'sent'`)
    return sent.length === 2
  })
  const shown = await status('newThenOld')
  t.deepEqual(shown.counts, { sessions: 2, links: 2, sealed_rows: 1 })
  t.deepEqual(shown.current, { id: newId, counts: { sessions: 0, links: 0, sealed_rows: 0 } })
  t.is(shown.may_be_dropped_at, null, 'a row must be sealed anew')
  const { out } = await runCommand({ ...world.env, APP_SECRET: lists.newThenOld }, ['secrets', 'status'])
  t.regex(out, /must seal 1 rows/)
  for (const secret of [testSecret, newSecret]) t.false(out.includes(secret))

  await resealRows(withSecrets(newThenOld))
  const { may_be_dropped_at: date, counts } = await status('newThenOld')
  t.deepEqual(counts, { sessions: 2, links: 2, sealed_rows: 0 })
  const week = Date.now() + 7 * 86_400_000
  t.true(Date.parse(date) <= week && Date.parse(date) > week - 600_000, `${date}: REFRESH_TOKEN_TTL from now`)

  const unlisted = await status('new')
  t.deepEqual(unlisted.unlisted, { counts: { sessions: 2, links: 2, sealed_rows: 0 } })
  t.deepEqual(unlisted.previous, [])
})

test('link that undoes a deletion → counted until the account is erased', async t => {
  const { email, access } = await anAccount(world.client)
  await world.mails.to(email)
  const deleted = await world.client.send('DELETE', 'me', { token: access, body: { password } })
  t.true(deleted.status < 300, deleted.text)
  await world.mails.to(email, 2)
  const [user] = await world.sql<{ erase_after: Date }>('SELECT erase_after FROM users WHERE email = $1', [
    email,
  ])
  const shown = await until('the link to be counted', async () => {
    const found = await status('newThenOld')
    return found.counts.links >= 3 && found
  })
  t.is(shown.may_be_dropped_at, user?.erase_after.toISOString())
  await world.sql('UPDATE users SET erase_after = NULL WHERE email = $1', [email])
  t.true(Date.parse((await status('newThenOld')).may_be_dropped_at) < (user?.erase_after.getTime() ?? 0))
})

test('several workers seal rows anew at once → each row stays readable, and a second run changes nothing', async t => {
  await resealRows(withSecrets(deriveSecrets([testSecret, newSecret])))
  t.true(await opensUnder(old))
  await Promise.all([1, 2, 3, 4].map(() => resealRows(withSecrets(newThenOld))))
  t.true(await opensUnder(onlyNew))
  const before = await keyRow()
  t.is(await resealRows(withSecrets(newThenOld)), 0)
  t.deepEqual(await keyRow(), before)
  t.true(before.sealed_secret.startsWith(`v2.${newId}.`))
})

test('a process without the new secret runs → nothing is sealed under it until that process ends', async t => {
  await resealRows(withSecrets(deriveSecrets([testSecret, newSecret])))
  const running = reportSecrets(withSecrets(old))
  await until('the process to be known', async () => (await status('newThenOld')).lists_in_use.length === 1)
  t.is(await resealRows(withSecrets(newThenOld)), 0)
  t.true(await opensUnder(old))
  t.true(world.logs.some(line => line.includes('a running process does not have it')))
  await using _ = reportSecrets(withSecrets(newThenOld))
  await until('the second process to warn', () =>
    world.logs.some(line => line.includes('it refuses refresh tokens of this process')),
  )
  const shown = await status('newThenOld')
  const lists = new Map(shown.lists_in_use.map(({ ids, processes }: ListInUse) => [ids.join(), processes]))
  t.deepEqual(
    lists,
    new Map([
      [oldId, 1],
      [`${newId},${oldId}`, 1],
    ]),
  )
  t.is(shown.may_be_dropped_at, null)
  await running[Symbol.asyncDispose]()
  t.is(await resealRows(withSecrets(newThenOld)), 1)
  t.true(await opensUnder(onlyNew))
})

test('a process still uses the old secret first → it may not be dropped, even if nothing is counted', async t => {
  await world.dropKeys(await world.keysLike(`${world.env.REDIS_PREFIX}:*`))
  await world.sql(`UPDATE emails SET proof_spent_at = now()`)
  await resealRows(withSecrets(newThenOld))
  const nothing = await status('newThenOld')
  t.deepEqual(nothing.counts, { sessions: 0, links: 0, sealed_rows: 0 })
  t.true(Math.abs(Date.parse(nothing.may_be_dropped_at) - Date.now()) < 60_000, 'now')
  await using _ = reportSecrets(withSecrets(deriveSecrets([testSecret, newSecret])))
  const shown = await until('the process to be known', async () => {
    const found = await status('newThenOld')
    return found.lists_in_use.length === 1 && found
  })
  t.is(shown.may_be_dropped_at, null)
})

test('session that moved to the new secret → counts for the new one, and its used tokens are mentioned', async t => {
  const account = await anAccount(world.client)
  const key = world.keys.session(account.userId, account.sessionId)
  await world.redis.hset(key, 'secret_id', newId, 'past_secret_ids', `${oldId} `)
  const [previous] = (await status('newThenOld')).previous
  t.is(previous.id, oldId)
  t.is(previous.counts.sessions, 0)
  t.is(previous.used_refresh_tokens.sessions, 1)
  t.true(Date.parse(previous.used_refresh_tokens.until) > Date.now() + 29 * 86_400_000)
})

test('thousands of sessions beside other keys → all are counted, in batches', async t => {
  const many = 3000
  const pipelines = Array.from({ length: many }, (_, at) => {
    const key = world.keys.session(`00000000-0000-4000-8000-${String(at).padStart(12, '0')}`, 'one')
    const until = Date.now() + 3_600_000
    const fields = { current: 'x', idle_until: until, expires_at: until, secret_id: oldId }
    return world.redis.hset(key, fields)
  })
  await Promise.all(pipelines)
  const { counts } = await status('newThenOld')
  // Redis may return a key twice while its table grows.
  t.true(counts.sessions >= many && counts.sessions < 2 * many, `${counts.sessions} sessions`)
  await world.dropKeys(await world.keysLike(`${world.env.REDIS_PREFIX}:*:session:one`))
  t.is((await status('newThenOld')).counts.sessions, 0)
})

test('signing key sealed under no listed secret → a start names the key and what to do, and no secret', async t => {
  await resealRows(withSecrets(newThenOld))
  const { kid } = await keyRow()
  for (const secrets of [old, deriveSecrets([testSecret, 'another secret, of at least 32 letters'])]) {
    const error = await t.throwsAsync(openKeyRing(withSecrets(secrets)))
    t.true(error?.message.includes(kid))
    t.regex(error?.message ?? '', /Add the secret that did to the end of APP_SECRET/)
    t.false(error?.message.includes(testSecret))
    t.is(exitCodeOf(error), 78, 'a restart does not help')
  }
  using ring = await openKeyRing(withSecrets(onlyNew))
  t.is(ring.signing().kid, kid)
})

test('everything that was logged → no secret and no id of one', t => {
  const log = world.logs.join('')
  for (const word of [testSecret, newSecret, oldId, newId]) t.false(log.includes(word))
})

test('more sealed rows than a page → all are counted', async t => {
  await world.sql(`INSERT INTO users (id, email) SELECT gen_random_uuid(), 'sealed-' || n || '@example.com'
                     FROM generate_series(1, 5001) n`)
  await world.sql('ALTER TABLE factors DISABLE TRIGGER factors_listed')
  await world.sql(`INSERT INTO factors (id, user_id, type, name, sealed_secret)
                   SELECT gen_random_uuid(), id, 'totp', 'Phone', 'v2.other.text' FROM users WHERE email LIKE 'sealed-%'`)
  await world.sql('ALTER TABLE factors ENABLE TRIGGER factors_listed')
  const counts = await countSealedRows(world.deps)
  t.is(counts.find(({ secretId }) => secretId === 'other')?.rows, 5001)
})
