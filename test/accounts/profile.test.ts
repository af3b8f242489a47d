import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const full = {
  full_name: 'Ada Lovelace',
  phone: '+442071234567',
  address: '12 St James’s Square, London',
  preferred_language: 'en-GB',
}
const methods = ['PATCH', 'PUT'] as const
const change = (method: string, token: string, body?: unknown) =>
  world.client.send(method, 'me', { token, ...(body !== undefined && { body }) })
const rowOf = async (id: string) =>
  (await world.sql<{ updated_at: Date }>('SELECT * FROM users WHERE id = $1', [id]))[0]

for (const method of methods) {
  test(`${method} changes the fields that are given and no others`, async t => {
    const { access, userId } = await anAccount(world.client, full)
    const before = await world.client.get('me', { token: access })
    const reply = await change(method, access, {
      full_name: 'Ada King',
      picture_url: 'https://img.example/a',
    })
    t.is(reply.status, 200)
    t.deepEqual(
      { ...reply.body, updated_at: '' },
      { ...before.body, full_name: 'Ada King', picture_url: 'https://img.example/a', updated_at: '' },
    )
    t.true(Date.parse(reply.body.updated_at) > Date.parse(before.body.updated_at))
    t.deepEqual((await world.client.get('me', { token: access })).body, reply.body)
    t.is((await rowOf(userId))?.updated_at.toISOString(), reply.body.updated_at)
  })

  test(`${method} with null clears one field`, async t => {
    const { access } = await anAccount(world.client, full)
    for (const name of Object.keys(full)) {
      const { status, body } = await change(method, access, { [name]: null })
      t.is(status, 200)
      t.is(body[name], null)
    }
    const { body } = await world.client.get('me', { token: access })
    for (const name of Object.keys(full)) t.is(body[name], null)
  })

  test(`${method} with nothing to change changes nothing`, async t => {
    const { access, userId } = await anAccount(world.client, full)
    const before = await rowOf(userId)
    for (const body of [{}, undefined]) t.is((await change(method, access, body)).status, 200)
    t.deepEqual(await rowOf(userId), before)
  })
}

test('a picture is an https address without credentials', async t => {
  const { access } = await anAccount(world.client)
  const refused = [
    'http://img.example/a',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
    '//img.example/a',
    'https://user:pass@img.example/a',
    'https://',
    'img.example/a',
    `https://img.example/${'a'.repeat(2048)}`,
  ]
  for (const picture_url of refused) {
    const reply = await change('PATCH', access, { picture_url })
    t.is(reply.status, 400, picture_url.slice(0, 40))
    t.deepEqual(
      reply.body.errors.map((error: Record<string, unknown>) => [error.path, error.rule]),
      [['picture_url', 'https_url']],
    )
  }
  const { body } = await change('PATCH', access, { picture_url: 'HTTPS://IMG.example/a b' })
  t.is(body.picture_url, 'https://img.example/a%20b')
})

test('a phone number takes the form that it has everywhere', async t => {
  const { access } = await anAccount(world.client)
  const forms: [given: string, kept: string][] = [
    [' +1 (415) 555-2671 ', '+14155552671'],
    ['0171 234 56 78', '0171 234 56 78'],
  ]
  for (const [phone, kept] of forms) t.is((await change('PATCH', access, { phone })).body.phone, kept)
  for (const phone of ['12345', '+0123456789', '+12', '0171x2345678', 'tel:+14155552671'])
    t.is((await change('PATCH', access, { phone })).status, 400, phone)
})

test('one change that breaks a rule keeps the others out too', async t => {
  const { access, userId } = await anAccount(world.client, full)
  const before = await rowOf(userId)
  t.is((await change('PATCH', access, { full_name: 'Changed', phone: 'none' })).status, 400)
  t.deepEqual(await rowOf(userId), before)
})

test('nobody’s change touches somebody else', async t => {
  const [one, other] = [await anAccount(world.client, full), await anAccount(world.client, full)]
  const before = await rowOf(other.userId)
  t.is((await change('PATCH', one.access, { full_name: 'Only Me' })).status, 200)
  t.deepEqual(await rowOf(other.userId), before)
})
