import test from 'ava'
import { type Account, anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { everything, faultOf, goodBody, jsonRoutes } from './bodied-routes.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

type Errors = { path: string; rule: string; message: string }[]

const wrong: [what: string, value: unknown][] = [
  ['a number', 20_251_121],
  ['true', true],
  ['false', false],
  ['a list', ['canary@example.com']],
  ['an empty list', []],
  ['an object', { canary: 'canary@example.com' }],
  ['an object that says it is a text', { toString: 'canary', length: 9, 0: 'canary' }],
  ['an empty text', ''],
  ['a huge text', 'canary'.repeat(2500)],
  ['half a surrogate pair', '\ud800'],
  ['a text with half a surrogate pair', 'canary7\udc00@example.com'],
  ['a NUL', '\0'],
  ['a text with control characters', 'canary7\r\n\0\x1b@example.com'],
  ['null', null],
]

const sender =
  ({ method, path }: { method: string; path: string }, { access }: Account) =>
  (body: unknown) =>
    world.client.send(method, path, { body, token: access })

for (const { route, name, forms } of jsonRoutes) {
  test.serial(`${name} takes what it should`, async t => {
    for (const form of forms) {
      const account = await anAccount(world.client)
      const { status, body } = await sender(route, account)(goodBody(form, account))
      t.false([400, 413, 415].includes(status) || status >= 500, `${status} ${body?.code}`)
    }
  })

  test.serial(`${name} refuses every field of a wrong type, and says which`, async t => {
    const account = await anAccount(world.client)
    const send = sender(route, account)
    const before = await everything(world)
    for (const form of forms)
      for (const [field, { nullable }] of Object.entries(form)) {
        const good = goodBody(form, account)
        // A password may hold anything: what is tried with it is refused for another reason, or not at all.
        const isPassword = /password/.test(field)
        const tries = wrong.filter(
          ([what, value]) =>
            (value !== null || !nullable) &&
            !(isPassword && /control|NUL/.test(what)) &&
            !(field === 'is_active' && typeof value === 'boolean'),
        )
        const replies = await Promise.all(tries.map(([, value]) => send({ ...good, [field]: value })))
        for (const [i, reply] of replies.entries()) {
          const what = `${field}: ${tries[i]?.[0]}`
          t.is(faultOf(reply), null, what)
          t.notRegex(reply.text, /canary|20251121|ud800|udc00|\ufffd/i, what)
          t.is(reply.body.code, 'VALIDATION_ERROR', what)
          const errors: Errors = reply.body.errors
          t.true(errors.length > 0, what)
          for (const error of errors) {
            t.deepEqual(Object.keys(error).sort(), ['message', 'path', 'rule'])
            const [named = ''] = error.path.split('.')
            t.true([field, ...(forms.length > 1 ? [''] : [])].includes(named), `${what}: ${error.path}`)
            t.regex(error.rule, /^[a-z][a-z_]*$/, what)
            t.regex(error.message, /^(This|There) .*\.$/, what)
          }
        }
      }
    t.deepEqual(await everything(world), before)
    t.is((await world.client.get('me', { token: account.access })).status, 200)
  })

  test.serial(`${name} lets nobody assign what is not theirs to assign`, async t => {
    const account = await anAccount(world.client)
    const send = sender(route, account)
    const before = await everything(world)
    const [form = {}] = forms
    const good = goodBody(form, account)
    const assignments: Record<string, unknown> = {
      roles: ['admin'],
      role: 'admin',
      is_active: true,
      email_verified: true,
      id: account.userId,
      user_id: account.userId,
      userId: account.userId,
      password_hash: 'x',
      session_epoch: 1,
      created_at: '2000-01-01T00:00:00.000Z',
      constructor: { prototype: { is_active: true } },
      prototype: {},
      toString: 'x',
      'roles[]': 'admin',
      ' email': 'x@example.com',
    }
    for (const [field, value] of Object.entries(assignments)) {
      if (field in form) continue
      const reply = await send({ ...good, [field]: value })
      t.is(faultOf(reply), null, field)
      t.is(reply.body.code, 'VALIDATION_ERROR', field)
      if (forms.length > 1) continue
      const found = (reply.body.errors as Errors).map(({ path, rule }) => [path, rule])
      t.deepEqual(found, [[field, 'unknown']])
    }
    t.deepEqual(await everything(world), before)
  })

  test.serial(`${name} refuses to have prototypes changed`, async t => {
    const account = await anAccount(world.client)
    const send = sender(route, account)
    const good = JSON.stringify(goodBody(forms[0] ?? {}, account)).slice(1, -1)
    for (const evil of [
      '"__proto__":{"is_active":false}',
      '"__proto__":null',
      '"constructor":{"prototype":{"is_active":false}}',
      '"\\u005f_proto__":{"is_active":false}',
      '"full_name":{"__proto__":{"is_active":false}}',
    ]) {
      const reply = await send(`{${good},${evil}}`)
      t.is(faultOf(reply), null, evil)
      t.is(reply.body.code, 'VALIDATION_ERROR', evil)
    }
    t.false('is_active' in {})
  })
}
