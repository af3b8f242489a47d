import test from 'ava'
import { openWorld } from '../../world.ts'
import { aMachine, askToken, basic, machineToken, postForm, tokenPath } from './machine.ts'

const world = await openWorld()
const { client } = world
test.after.always(() => world[Symbol.asyncDispose]())

const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString('utf8'),
  )

test('right secret by HTTP Basic → a token with all scopes of the client and no session', async t => {
  const machine = await aMachine(world, ['users:read', 'orders:read'])
  const { status, headers, body } = await askToken(client, machine)
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  t.is(headers.get('pragma'), 'no-cache')
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  const { access_token, ...rest } = body
  t.deepEqual(rest, { token_type: 'Bearer', expires_in: 900, scope: 'users:read orders:read' })
  const { iat, exp, iss, ...claims } = claimsOf(access_token)
  t.deepEqual(claims, {
    aud: iss,
    sub: machine.id,
    client_id: machine.id,
    scope: 'users:read orders:read',
  })
  t.is(Date.parse(exp) - Date.parse(iat), 900_000)
})

test('secret in the form → accepted', async t => {
  const { id, secret } = await aMachine(world, ['users:read'])
  const form = { grant_type: 'client_credentials', client_id: id, client_secret: secret }
  t.is((await postForm(client, tokenPath, form)).status, 200)
})

test('id in the form beside HTTP Basic → accepted if it is the same id', async t => {
  const machine = await aMachine(world, ['users:read'])
  t.is((await askToken(client, machine, { client_id: machine.id })).status, 200)
  const other = await askToken(client, machine, { client_id: 'lkc_other' })
  t.deepEqual([other.status, other.body.error], [400, 'invalid_request'])
})

test('scope → only those of the client, each once', async t => {
  const machine = await aMachine(world, ['users:read', 'audit:read'])
  const scopeOf = async (scope: string) => {
    const { status, body } = await askToken(client, machine, { scope })
    return status === 200 ? body.scope : `${status} ${body.error}`
  }
  t.is(await scopeOf('audit:read'), 'audit:read')
  t.is(await scopeOf('audit:read audit:read users:read'), 'audit:read users:read')
  t.is(await scopeOf(''), 'users:read audit:read', 'a parameter without a value counts as absent')
  for (const scope of ['users:write', 'audit:read users:write', 'audit:read  users:read', ' audit:read', '*'])
    t.is(await scopeOf(scope), '400 invalid_scope', scope)
})

test('another grant type → unsupported_grant_type', async t => {
  const machine = await aMachine(world, ['users:read'])
  for (const grant_type of ['password', 'authorization_code', 'Client_Credentials']) {
    const { status, body } = await askToken(client, machine, { grant_type })
    t.deepEqual([status, body.error], [400, 'unsupported_grant_type'], grant_type)
  }
  const authorization = basic(machine.id, machine.secret)
  const missing = await postForm(client, tokenPath, {}, { authorization })
  t.deepEqual([missing.status, missing.body.error], [400, 'invalid_request'])
})

test('machine token → opens the routes of its scopes, and no other route', async t => {
  const token = await machineToken(client, await aMachine(world, ['users:read']))
  t.is((await client.get('/api/v1/admin/users', { token })).status, 200)
  const { status, headers, body } = await client.get('/api/v1/admin/emails', { token })
  t.deepEqual([status, body.code], [403, 'INSUFFICIENT_SCOPE'])
  t.is(
    headers.get('www-authenticate'),
    'Bearer realm="latchkey", error="insufficient_scope", scope="emails:read"',
  )
})
