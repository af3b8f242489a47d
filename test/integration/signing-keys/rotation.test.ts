import anyTest from 'ava'
import { openKeyRing } from '../../../src/features/signing-keys/open-key-ring.ts'
import { retireKey } from '../../../src/features/signing-keys/retire-key.ts'
import { rotateKey } from '../../../src/features/signing-keys/rotate-key.ts'
import { rotateWhenDue } from '../../../src/features/signing-keys/rotate-when-due.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// The rotation of signing keys by the worker. Time travels, and the dates of Postgres with it.

const test = anyTest.serial
const world = await openLocalWorld()
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, deps, sql, logs } = world
const actor = { origin: { ip: '', userAgent: 'test' } }
const minute = 60_000
const day = 24 * 60 * minute
/** When the worker publishes the next key, and when it promotes that key: a day later. */
const publishTime = 89 * day + minute
const promoteTime = 90 * day + 2 * minute

type Row = { kid: string; status: string; sealed_secret: string | null; not_before: Date; not_after: Date }
const rows = () => sql<Row>('SELECT * FROM signing_keys ORDER BY created_at, kid')
const stateOf = async (kid: string) => (await rows()).find(row => row.kid === kid)?.status
const states = async () => (await rows()).map(({ status }) => status)
const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[3] ?? '', 'base64url').toString()).kid
const published = async (): Promise<{ kid: string; status: string }[]> =>
  (await client.get('/.well-known/paseto-keys')).body.keys
const events = async (type: string) =>
  sql<{ data: Record<string, unknown>; user_agent: string }>(
    'SELECT data, user_agent FROM audit_events WHERE type = $1 ORDER BY created_at, id',
    [type],
  )
const untilPublished = (...kids: (string | undefined)[]) =>
  until('every instance to follow', () =>
    [world, other].every(({ deps: { ring } }) => `${ring.published().map(({ kid }) => kid)}` === `${kids}`),
  )
/** Keeps only the first key, as if it had begun to sign now. */
const reset = async () => {
  await world.travel(0)
  await sql(`DELETE FROM signing_keys WHERE status <> 'signing'`)
  await sql(
    `UPDATE signing_keys SET not_before = now(), created_at = now(), not_after = NULL, token_life = 900`,
  )
  const [row] = await rows()
  await untilPublished(row?.kid)
  return row?.kid ?? ''
}

test('a key becomes due → published 24 h before, promoted in time, the old one retired after its tokens', async t => {
  const first = await reset()
  t.is(await rotateWhenDue(deps), 0)

  await world.travel(publishTime)
  t.is(await rotateWhenDue(deps), 1)
  const [, next] = await rows()
  t.deepEqual(await states(), ['signing', 'published'])
  await untilPublished(first, next?.kid)
  t.is(kidOf((await anAccount(client)).access), first, 'a published key signs nothing')

  await world.travel(promoteTime)
  const before = await anAccount(client)
  t.is(await rotateWhenDue(deps), 1)
  t.deepEqual(await states(), ['retiring', 'signing'])
  await until('every instance to sign with the new key', () =>
    [world, other].every(each => each.deps.ring.signing().kid === next?.kid),
  )
  const after = await anAccount(other.client)
  t.is(next?.kid, kidOf(after.access))
  for (const each of [world, other])
    for (const { access } of [before, after])
      t.is((await each.client.get('me', { token: access })).status, 200)

  await world.travel(promoteTime + 19 * minute)
  t.is(await rotateWhenDue(deps), 0, 'its last token has expired 4 minutes ago')
  await world.travel(promoteTime + 21 * minute)
  t.is(await rotateWhenDue(deps), 1)
  const [retired] = await rows()
  t.like(retired ?? null, { kid: first, status: 'retired', sealed_secret: null })
  await untilPublished(next?.kid)

  const kid = next?.kid
  for (const [type, expected] of Object.entries({
    'signing_key.published': { kid },
    'signing_key.promoted': { kid, retiring: first },
    'signing_key.retired': { kid: first, before: { status: 'retiring' } },
  })) {
    const [event, ...more] = await events(type)
    t.is(more.length, 0)
    t.is(event?.user_agent, 'latchkey worker')
    t.like(event?.data ?? null, expected)
  }
  for (const message of [
    'signing key published',
    'signing key promoted',
    'signing key retired',
    'keys changed',
  ])
    t.true(
      logs.some(line => line.includes(message)),
      message,
    )
  t.notRegex(logs.join('\n'), /k4\.secret|sealed_secret/)
})

test('an instance whose tokens live longer signs too → the key retires after the longest life', async t => {
  await reset()
  using _ = await openKeyRing({ ...deps, config: { ...deps.config, ACCESS_TOKEN_TTL: 60 * minute } })
  const rotated = await rotateKey(deps, { now: true, actor })
  t.is(rotated?.key.status, 'signing')
  const [old] = await rows()
  const life = Number(old?.not_after) - Number(rotated?.key.not_before)
  t.true(Math.abs(life - 65 * minute) < 1000, `${life}`)
})

test('six workers rotate at once → one key is published, promoted and retired', async t => {
  await reset()
  const rotateAtOnce = async () => {
    const workers = [deps, other.deps, deps, other.deps, deps, other.deps]
    return (await Promise.all(workers.map(rotateWhenDue))).reduce((sum, changed) => sum + changed)
  }
  for (const [time, expected] of [
    [publishTime, ['signing', 'published']],
    [promoteTime, ['retiring', 'signing']],
    [promoteTime + 21 * minute, ['retired', 'signing']],
  ] as const) {
    await world.travel(time)
    t.is(await rotateAtOnce(), 1)
    t.deepEqual(await states(), expected)
  }
})

test('a worker returns after a year → a day of notice, and the key that waited is promoted', async t => {
  await reset()
  await world.travel(365 * day)
  t.is(await rotateWhenDue(deps), 1)
  t.is(await rotateWhenDue(deps), 0)
  await world.travel(730 * day)
  // The key that waited is promoted. It is not due again before 90 days have passed.
  t.is(await rotateWhenDue(deps), 1)
  t.deepEqual(await states(), ['retiring', 'signing'])
})

test('a worker dies between the two updates of a promotion → the old key signs until the next run', async t => {
  const first = await reset()
  await world.travel(publishTime)
  await rotateWhenDue(deps)
  await world.travel(promoteTime)
  await sql(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`)
  await sql(`CREATE TRIGGER die BEFORE UPDATE ON signing_keys FOR EACH ROW
    WHEN (NEW.status = 'signing') EXECUTE FUNCTION die()`)
  await t.throwsAsync(rotateWhenDue(deps))
  t.deepEqual(await states(), ['signing', 'published'])
  t.deepEqual((await published()).map(({ kid }) => kid)[0], first)
  await sql('DROP FUNCTION die CASCADE')
  t.is(await rotateWhenDue(deps), 1)
  t.deepEqual(await states(), ['retiring', 'signing'])
})

test('workers and operators rotate and retire at once → one key signs, no token of a live key is refused', async t => {
  const first = await reset()
  const { access, refresh } = await anAccount(client)
  await world.travel(publishTime)
  let isDone = false
  let served = 0
  const refused: string[] = []
  const load = async (each: { client: typeof client }) => {
    while (!isDone) {
      const { access } = await anAccount(each.client)
      for (const { client } of [world, other]) {
        const { status } = await client.get('me', { token: access })
        if (status === 200) served++
        else refused.push(`${status} ${await stateOf(kidOf(access))}`)
      }
      const signing = await sql(`SELECT 1 FROM signing_keys WHERE status = 'signing'`)
      t.is(signing.length, 1)
    }
  }
  const loads = [load(world), load(other)]
  const all = await Promise.all([
    retireKey(deps, { kid: first, actor }),
    rotateKey(other.deps, { now: true, actor }),
    rotateKey(deps, { now: false, actor }),
    rotateWhenDue(other.deps),
    retireKey(other.deps, { kid: first, actor }),
    rotateKey(deps, { now: true, actor }),
    rotateWhenDue(deps),
  ])
  t.false(all.includes('unknown'))
  isDone = true
  await Promise.all(loads)
  t.true(served > 0)
  // An operator retires the first key, also before its last tokens expire.
  t.deepEqual(
    refused.filter(each => each !== '401 retired'),
    [],
  )
  const found = await rows()
  t.is(found.filter(({ status }) => status === 'published').length, 0)
  t.like(
    found.find(({ kid }) => kid === first),
    { status: 'retired', sealed_secret: null },
  )
  await world.travel(0)
  await until(
    'the retired key to be refused',
    async () => (await client.get('me', { token: access })).status === 401,
  )
  t.is((await client.post('refresh', { refresh_token: refresh })).status, 200)
})
