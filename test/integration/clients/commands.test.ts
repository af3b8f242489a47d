import anyTest from 'ava'
import { openWorld } from '../../world.ts'
import { runCommand } from '../cli/run-command.ts'
import { askToken } from './machine.ts'

const test = anyTest.serial

const world = await openWorld()
const { client, env } = world
anyTest.after.always(() => world[Symbol.asyncDispose]())

const run = (...words: string[]) => runCommand(env, ['clients', ...words])

test('clients create, add-secret, drop-secret, revoke → the secrets work as printed', async t => {
  const made = await run('create', 'Orders', '--scope', 'users:read', '--scope=orders:read', '--json')
  t.is(made.code, 0, made.err)
  const { id, secret, scopes, secrets } = made.json
  t.deepEqual(scopes, ['users:read', 'orders:read'])
  t.is((await askToken(client, { id, secret })).body.scope, 'users:read orders:read')

  const added = await run('add-secret', id)
  t.is(added.code, 0, added.err)
  const [next = ''] = /^lks_\w+$/m.exec(added.out) ?? []
  t.is((await askToken(client, { id, secret: next })).status, 200)
  const third = await run('add-secret', id, '--json')
  t.deepEqual([third.code, third.json.error.code], [1, 'SECRET_LIMIT_REACHED'])

  t.is((await run('drop-secret', id, secrets[0].prefix)).code, 0)
  t.is((await askToken(client, { id, secret })).status, 401)
  t.is((await askToken(client, { id, secret: next })).status, 200)

  const list = await run('list', '--json')
  t.like(list.json[0], { id, name: 'Orders', revoked_at: null })
  t.is(list.json[0].secrets.length, 1)
  for (const { out } of [list, await run('list')]) {
    t.true(out.includes(id))
    t.false(out.includes(secret) || out.includes(next))
  }
  t.is((await run('revoke', id)).code, 0)
  t.is((await askToken(client, { id, secret: next })).status, 401)
  t.is((await run('revoke', id)).code, 1)
  t.true((await run('list')).out.includes('revoked'))
})

test('clients create with a misspelled scope → the output lists it as a scope of your own services', async t => {
  const { out } = await run('create', 'Typing', '--scope', 'users:read', '--scope', 'user:write')
  t.true(out.includes('Scopes of Latchkey: users:read\nScopes of your own services: user:write\n'), out)
})

test('clients with wrong words → exit code 64, and no word is repeated', async t => {
  for (const words of [
    ['create', 'Orders'],
    ['create', 'Orders', '--scope', 'canary canary'],
    ['create', 'a\u202Ecanary', '--scope', 'a'],
    ['create', '--scope', 'a'],
    ['revoke', 'lkc_canary'],
    ['add-secret'],
    ['drop-secret', `lkc_${'0'.repeat(32)}`, 'lks_canary'],
  ]) {
    const { code, err } = await run(...words)
    t.is(code, 64, words.join(' '))
    t.false(err.includes('canary'))
  }
  t.is((await run('revoke', `lkc_${'0'.repeat(32)}`)).code, 1)
})
