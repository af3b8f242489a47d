import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { aMachine, askToken } from '../clients/machine.ts'

// A proxy in front of a service that has tokens of its own: a token for another service must not pass.

const orders = 'https://orders.example.com'
const news = 'https://news.example.com'
const world = await openWorld({ env: { AUDIENCES: `${orders},${news}` } })
const { client } = world
const machine = await aMachine(world, ['orders:read'])
test.after.always(() => world[Symbol.asyncDispose]())

const issuer = world.env.PUBLIC_URL ?? ''
const check = async (token: string, ...query: string[]) => {
  const text = query.map(each => `audience=${encodeURIComponent(each)}`).join('&')
  return client.get(`/api/v1/auth/check?${text}`, { token })
}

test('token of a user or a machine client → passes the proxy of its own service only', async t => {
  const { refresh } = await anAccount(client)
  const audiences = [orders, news, issuer]
  const tokens = await Promise.all(
    audiences.map(async audience => {
      const ofUser = await client.post('refresh', { refresh_token: refresh, audience })
      const ofMachine = await askToken(client, machine, { audience })
      return [audience, [ofUser.body.access_token, ofMachine.body.access_token]] as const
    }),
  )
  // Twice: a token that was seen before must not pass for another service.
  for (const _round of [1, 2])
    for (const [audience, both] of tokens)
      for (const token of both)
        for (const service of audiences) {
          const { status, body } = await check(token, service)
          t.is(status, service === audience ? 204 : 401, `${audience} at ${service}`)
          if (status === 401) t.is(body.code, 'INVALID_TOKEN')
        }
})

test('no audience → only a token for PUBLIC_URL passes', async t => {
  const [own, forOrders] = [await anAccount(client), await anAccount(client, { audience: orders })]
  t.is((await check(own.access)).status, 204)
  t.is((await check(forOrders.access)).status, 401)
})

test('unlisted, empty or repeated audience → 400 without an echo, and the request does not pass', async t => {
  const { access } = await anAccount(client, { audience: orders })
  for (const query of [['https://evil.example.com'], [''], [`${orders}/v1`], ['orders'], [orders, news]]) {
    const { status, text } = await check(access, ...query)
    t.is(status, 400, text)
    t.false(text.includes('example.com'))
  }
})
