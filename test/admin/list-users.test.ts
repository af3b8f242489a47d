import test from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

const world = await openWorld()
const ada = await anAdmin(world, { full_name: 'Ada Lovelace' })
test.after.always(() => world[Symbol.asyncDispose]())
const { list, read, change } = actsOf(world.client, ada.access)

type Row = { id: string; email: string; full_name: string | null; roles: string[]; is_active: boolean }
const rowsOf = async (query: string): Promise<Row[]> => (await list(query)).body.data
const idsOf = async (query: string) => (await rowsOf(query)).map(({ id }) => id)

/** Names of those whom a search finds. */
const found = async (search: string) =>
  (await rowsOf(new URLSearchParams({ search }).toString())).map(({ full_name }) => full_name).sort()

const named = async (...names: string[]) => {
  for (const full_name of names) await anAccount(world.client, { full_name })
}

test.serial('pages neither repeat nor skip anybody while others register in between', async t => {
  for (let i = 0; i < 6; i++) await anAccount(world.client)
  const there = await world.sql<{ id: string }>('SELECT id FROM users ORDER BY created_at DESC, id DESC')
  const seen: string[] = []
  let cursor: string | null = null
  let pages = 0
  do {
    const { status, body } = await list(`limit=2${cursor ? `&cursor=${cursor}` : ''}`)
    t.is(status, 200)
    t.true(body.data.length <= 2)
    seen.push(...body.data.map(({ id }: Row) => id))
    cursor = body.next_cursor
    pages++
    await anAccount(world.client)
  } while (cursor && pages < 20)
  t.deepEqual(
    seen,
    there.map(({ id }) => id),
    'the newest first',
  )
  t.is(pages, Math.ceil(there.length / 2))
})

test.serial('a page that somebody is deleted from goes on after the last one seen', async t => {
  for (let i = 0; i < 4; i++) await anAccount(world.client)
  const all = await idsOf('limit=100')
  const { data, next_cursor } = (await list('limit=2')).body
  t.deepEqual(
    data.map(({ id }: Row) => id),
    all.slice(0, 2),
  )
  await world.sql('DELETE FROM users WHERE id = $1', [all[1]])
  t.deepEqual(await idsOf(`limit=2&cursor=${next_cursor}`), all.slice(2, 4))
})

test.serial('a page has 50 at first and 100 at most, and an exact one has no next', async t => {
  const ids = Array.from({ length: 101 }, () => uuid())
  await world.sql(
    `INSERT INTO users (id, email, full_name) SELECT id, id || '@many.example', 'Many' FROM unnest($1::uuid[]) AS id`,
    [ids],
  )
  const newest = ids.toReversed()
  t.deepEqual(await idsOf('search=many'), newest.slice(0, 50))
  t.deepEqual(await idsOf('search=many&limit=100'), newest.slice(0, 100))
  t.deepEqual(await idsOf('limit=1'), newest.slice(0, 1))

  const first = (await list('search=many&limit=100')).body
  const second = (await list(`search=many&limit=100&cursor=${first.next_cursor}`)).body
  t.deepEqual([second.data.length, second.next_cursor], [1, null])
  await world.sql('DELETE FROM users WHERE id = $1', [ids[0]])
  t.is((await list('search=many&limit=100')).body.next_cursor, null)
})

test.serial('a search is the beginning of an address or of a name, in any case', async t => {
  const { userId } = await anAccount(world.client, {
    email: `begins.${anEmail()}`,
    full_name: 'Grace Hopper',
  })
  for (const search of ['begins.', 'BEGINS.User', 'grace', 'GRACE h', 'Grace Hopper'])
    t.deepEqual(await idsOf(new URLSearchParams({ search }).toString()), [userId], search)
  for (const search of ['hopper', 'egins.', 'example.com', 'grace  hopper', 'gracehopper'])
    t.deepEqual(await found(search), [], search)

  await named('Élodie Ångström')
  for (const search of ['Élodie', 'éLODIE', 'élodie å', 'E\u0301lodie'])
    t.deepEqual(await found(search), ['Élodie Ångström'], search)
  await named('Οδυσσευς')
  t.deepEqual(await found('ΟΔΥΣ'), ['Οδυσσευς'])
})

test.serial('signs that mean something in a pattern stand for themselves', async t => {
  await named('Zed%one', 'Zed_two', 'Zed\\three', 'Zedxfour')
  t.is((await found('zed')).length, 4)
  t.deepEqual(await found('zed%'), ['Zed%one'])
  t.deepEqual(await found('zed_'), ['Zed_two'])
  t.deepEqual(await found('zed\\'), ['Zed\\three'])
  for (const search of ['%', '_', '%zed', '\\', 'zed%%', '%25', "zed' OR '1'='1", 'zed\\_'])
    t.deepEqual(await found(search), [], search)
  const { email } = await anAccount(world.client, { email: `per%cent_${anEmail()}`, full_name: 'Percy' })
  t.deepEqual(await found(email.slice(0, 12)), ['Percy'])
  t.deepEqual(await found(`per_cent${email.slice(8, 12)}`), [])
})

test.serial('a search may hold any text, and fails on none', async t => {
  for (const odd of ['%00', 'a%00b', '%ff', '%ED%A0%80', '%0d%0a', '%F0%9F%98%80', '%E2%80%AE', '%20'])
    t.true([200, 400].includes((await list(`search=${odd}`)).status), odd)
})

test.serial('filters by state and role go together', async t => {
  const eve = await anAdmin(world, { full_name: 'Filter Eve' })
  const [bob, amy] = [
    await anAccount(world.client, { full_name: 'Filter Bob' }),
    await anAccount(world.client, { full_name: 'Filter Amy' }),
  ]
  await change(bob.userId, { is_active: false })
  const of = async (query: string) => (await idsOf(`search=filter&${query}`)).sort()
  t.deepEqual(await of('is_active=false'), [bob.userId])
  t.deepEqual(await of('is_active=true'), [eve.userId, amy.userId].sort())
  t.deepEqual(await of('role=admin'), [eve.userId])
  t.deepEqual(await of('role=user'), [eve.userId, bob.userId, amy.userId].sort())
  t.deepEqual(await of('role=admin&is_active=false'), [])
})

test.serial('what is no query of the list is refused and not repeated (400)', async t => {
  const canary = 'canary7'
  const good = (await list('limit=1')).body.next_cursor
  const coded = (text: string) => Buffer.from(text).toString('base64url')
  const wrong = [
    ...['0', '101', '-1', '1.5', '1e1', '%201', '0x10', '', 'abc', '９', '01'].map(text => `limit=${text}`),
    ...['', 'maybe', 'TRUE', '1', canary].map(text => `is_active=${text}`),
    ...['', 'root', 'Admin', 'user,admin', canary].map(text => `role=${text}`),
    ...['', canary, `${good}A`, `${good}=`, good.slice(0, -4), ada.userId].map(text => `cursor=${text}`),
    ...[coded(canary), coded("' OR 1=1"), coded('{}'), coded(`${ada.userId}\n`)].map(
      text => `cursor=${text}`,
    ),
    ...['search=', `search=${'x'.repeat(255)}`, `${canary}=1`, `email=${canary}`, 'offset=1', '__proto__=x'],
    ...['constructor=x', 'search[]=a', 'search[$ne]=a', 'SEARCH=a'],
    ...[
      'limit=1&limit=2',
      `search=${canary}&search=b`,
      `cursor=${good}&cursor=${good}`,
      'role=user&role=admin',
    ],
  ]
  for (const query of wrong) {
    const { status, body, text } = await list(query)
    t.is(status, 400, query)
    t.is(body.code, 'VALIDATION_ERROR')
    t.false(body.errors.some(({ message }: { message: string }) => message.includes(canary)))
    if (!query.startsWith(canary)) t.false(text.includes(canary), query)
  }
})

test.serial('no reply holds a password hash or anything that is for the house alone', async t => {
  const { userId } = await anAccount(world.client)
  const known = Object.keys((await world.client.get('me', { token: ada.access })).body).sort()
  const replies = [
    (await list('limit=100')).body.data,
    [(await read(userId)).body],
    [(await change(userId, { is_active: false })).body],
  ]
  for (const user of replies.flat()) t.deepEqual(Object.keys(user).sort(), known)
  t.notRegex(JSON.stringify(replies), /hash|epoch|erase|\$2[aby]\$/)
})
