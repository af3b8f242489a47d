import test from 'ava'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { openWorld } from '../../world.ts'
import { openResourceServer } from '../guard/resource-server.ts'
import { aMachine, askToken, basic, machineToken, postForm, tokenPath } from './machine.ts'

// Tokens of machine clients for one service (RFC 8707): the service that receives one must not be able to use it elsewhere.

const orders = 'https://orders.example.com'
const news = 'https://news.example.com'
const world = await openWorld({ env: { AUDIENCES: `${orders},${news}` } })
const issuer = world.env.PUBLIC_URL ?? 'http://latchkey.test'
const { client } = world
const { keys } = (await client.get('/.well-known/paseto-keys')).body
const machine = await aMachine(world, ['users:read', 'orders:read', 'introspect'])
test.after.always(() => world[Symbol.asyncDispose]())

const audienceOf = (token: string): string =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  ).aud

const tokenFor = async (form: Record<string, string>): Promise<string> => {
  const { status, text, body } = await askToken(client, machine, form)
  if (status !== 200) throw new Error(text)
  return body.access_token
}

test('resource or audience of a listed service → the token has that audience alone', async t => {
  t.is(audienceOf(await machineToken(client, machine)), issuer)
  const requests: [Record<string, string>, string][] = [
    [{ resource: orders }, orders],
    [{ audience: orders }, orders],
    [{ resource: `${orders}/`, audience: orders }, orders],
    [{ resource: news, scope: 'orders:read' }, news],
    [{ resource: issuer }, issuer],
    [{ resource: '' }, issuer],
  ]
  for (const [form, expected] of requests)
    t.is(audienceOf(await tokenFor(form)), expected, JSON.stringify(form))
})

test('unlisted service, or two different ones → 400 invalid_target without an echo', async t => {
  const requests: Record<string, string>[] = [
    { resource: 'https://evil.example.com' },
    { resource: `${orders}/v1` },
    { resource: 'orders' },
    { resource: `${orders}#a` },
    { audience: 'https://evil.example.com' },
    { resource: orders, audience: news },
    { resource: 'https://evil.example.com', audience: 'https://evil.example.com' },
  ]
  for (const form of requests) {
    const { status, body, text } = await askToken(client, machine, form)
    t.deepEqual([status, body.error], [400, 'invalid_target'], text)
    t.false(text.includes('example.com'))
  }
  const twice = `grant_type=client_credentials&resource=${orders}&resource=${news}`
  const authorization = basic(machine.id, machine.secret)
  t.is((await postForm(client, tokenPath, twice, { authorization })).body.error, 'invalid_request')
})

test('machine token for service A → refused by service B and by routes of administrators', async t => {
  const [own, forOrders] = [await machineToken(client, machine), await tokenFor({ resource: orders })]
  const users = (token: string) => client.get('/api/v1/admin/users', { token })
  t.is((await users(own)).status, 200)
  const refused = await users(forOrders)
  t.deepEqual([refused.status, refused.body.code], [401, 'INVALID_TOKEN'])

  const verifierOf = (audience: string) => createVerifier({ issuer, audience, keys })
  await using atOrders = await openResourceServer(verifierOf(orders))
  await using atNews = await openResourceServer(verifierOf(news))
  t.is((await atOrders.client.get('/closed', { token: forOrders })).status, 200)
  t.is((await atNews.client.get('/closed', { token: forOrders })).status, 401)
  t.is((await atOrders.client.get('/closed', { token: own })).status, 401)
})

test('introspection of a machine token for a service → active with the audience of that service', async t => {
  const authorization = basic(machine.id, machine.secret)
  const token = await tokenFor({ resource: orders })
  const { body } = await postForm(client, '/api/v1/oauth/introspect', { token }, { authorization })
  t.like(body, { active: true, aud: orders, client_id: machine.id })
})
