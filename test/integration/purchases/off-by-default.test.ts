import { randomBytes } from 'node:crypto'
import test from 'ava'
import { readConfig } from '../../../src/base/config.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/an-admin.ts'

const world = await openWorld()
const { client } = world
const { access: token } = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())

const secret = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`
const shop = {
  RECURRENTE_PUBLIC_KEY: 'pk_test_0123456789',
  RECURRENTE_SECRET_KEY: 'sk_test_0123456789',
  RECURRENTE_WEBHOOK_SECRET: secret(32),
}
const names = Object.keys(shop) as (keyof typeof shop)[]
const sound = {
  ...{ DATABASE_URL: 'postgres://app@localhost/app', REDIS_URL: 'redis://localhost' },
  ...{ SMTP_URL: 'smtp://localhost', APP_SECRET: randomBytes(32).toString('base64') },
}
const faultsOf = (env: Record<string, string>): string[] => {
  const read = readConfig({ ...sound, ...env }, 'worker')
  return 'faults' in read ? read.faults : []
}

const routes = [
  ...['GET /api/v1/sites', 'GET /api/v1/sites/{slug}', 'POST /api/v1/sites/{slug}/purchase'],
  ...['POST /api/v1/admin/sites', 'PATCH /api/v1/admin/sites/{slug}', 'GET /api/v1/admin/purchases'],
  'POST /api/v1/admin/purchases/{id}/refunded',
  ...['GET /api/v1/purchases', 'POST /api/v1/webhooks/recurrente'],
].sort()

/** The routes of a shop, as this API describes itself. */
const described = async ({ get }: typeof client): Promise<string[]> => {
  const { paths } = (await get('/openapi.json')).body as { paths: Record<string, object> }
  return Object.entries(paths)
    .flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
    .filter(route => /sites|purchase|webhook/.test(route))
    .sort()
}

test('without the three variables there is no shop: no route, no word of one, nobody is asked', async t => {
  t.deepEqual(await described(client), [])
  for (const route of routes) {
    const [method = '', path = ''] = route.replace('{slug}', 'corner-bakery').split(' ')
    const body = method === 'GET' ? undefined : {}
    const reply = await client.send(method, path, { body, token })
    t.is(`${reply.status} ${reply.body.code}`, '404 NOT_FOUND', route)
  }
  t.is(await world.run('reconcile'), 0)
})

test('with them each of its routes is there, and described', async t => {
  const api = await world.instance(shop)
  t.teardown(api.close)
  t.deepEqual(await described(api.client), routes)
  t.is((await api.client.get('/api/v1/sites')).status, 200)
})

test('half a shop is refused, and what is missing is named', t => {
  t.deepEqual(faultsOf({}), [])
  t.deepEqual(faultsOf(shop), [])
  for (const chosen of [
    ...names.map(name => [name]),
    ...names.map(name => names.filter(each => each !== name)),
  ]) {
    const missing = names.filter(name => !chosen.includes(name))
    const given = Object.fromEntries(chosen.map(name => [name, shop[name]]))
    const said = missing.map(name => `${name} is not set`)
    t.deepEqual(faultsOf(given), said)
    const empty = Object.fromEntries(missing.map(name => [name, '']))
    t.deepEqual(faultsOf({ ...given, ...empty }), said, 'an empty variable counts as unset')
  }
})

test('what is no key, secret or address is refused without being shown', t => {
  const canary = `canary${randomBytes(8).toString('hex')}`
  const broken: Record<string, string[]> = {
    RECURRENTE_PUBLIC_KEY: ['short', `${canary}\r\nX: y`, `${canary} `, `${canary}é`, canary.repeat(20)],
    RECURRENTE_SECRET_KEY: ['short', `${canary}\nX: y`, `${canary},${canary}`, canary.repeat(20)],
    RECURRENTE_WEBHOOK_SECRET: [
      ...[canary, `whsec_${canary}!`, 'whsec_', secret(23), secret(65), secret(32).slice(6)],
      ...[`${secret(32)},${canary}`, `${secret(32)},`, `${secret(32)},${secret(32)},${secret(32)}`],
      secret(32).replace(/=+$/, ''),
    ],
    RECURRENTE_URL: [
      ...[
        canary,
        `ftp://${canary}.example`,
        `https://u:${canary}@pay.example`,
        `https://pay.example/?k=${canary}`,
      ],
      ...[`https://pay.example/#${canary}`, `javascript:${canary}`],
    ],
    RESERVATION_TTL: ['4m', '25h', '0', canary],
  }
  for (const [name, values] of Object.entries(broken))
    for (const value of values) {
      const faults = faultsOf({ ...shop, [name]: value })
      t.is(faults.length, 1, name)
      t.true(faults[0]?.startsWith(`${name} must be `), faults[0])
      t.false(faults.join().includes(canary))
      t.false(value.length > 12 && faults.join().includes(value))
    }
})

test('two secrets may be active at once, while one takes over from the other', t => {
  const [old, next] = [secret(24), secret(64)]
  const read = readConfig({ ...sound, ...shop, RECURRENTE_WEBHOOK_SECRET: `${old}, ${next}` }, 'worker')
  if ('faults' in read) throw new Error(read.faults.join())
  t.deepEqual(read.config.RECURRENTE_WEBHOOK_SECRET, [old, next])
})

test('keys go over https in production', t => {
  const production = {
    ...{ NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' },
    ...shop,
  }
  t.deepEqual(faultsOf(production), [])
  t.deepEqual(faultsOf({ ...production, RECURRENTE_URL: 'http://pay.example/api' }), [
    'RECURRENTE_URL must begin with https:// in production',
  ])
  t.deepEqual(faultsOf({ ...production, RECURRENTE_URL: 'https://pay.example/api/' }), [])
})
