import { createHash } from 'node:crypto'
import test from 'ava'
import { keysOf } from '../every-key.ts'
import { anAccount } from '../make.ts'
import { openWorld, type World } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

// Everything that Redis holds for the world, as text.
const dumpRedis = async ({ deps: { redis, config } }: World): Promise<string> => {
  const keys = [
    ...(await keysOf(redis, `${config.REDIS_PREFIX}:*`)),
    ...(await keysOf(redis, `{${config.REDIS_PREFIX}}:*`)),
  ]
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: key => redis.get(key),
    hash: key => redis.hgetall(key),
    list: key => redis.lrange(key, 0, -1),
    set: key => redis.smembers(key),
    zset: key => redis.zrange(key, 0, -1, 'WITHSCORES'),
    stream: key => redis.xrange(key, '-', '+'),
  }
  const dumped = await Promise.all(
    keys.map(async key => {
      const type = await redis.type(key)
      const value = await read[type]?.(key)
      if (value === undefined) throw new Error(`${key} is a ${type}`)
      return [key, value]
    }),
  )
  return JSON.stringify(dumped)
}

const dumpPostgres = async ({ sql }: World): Promise<string> => {
  const tables = await sql<{ name: string }>(`SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public'`)
  const rows = await Promise.all(tables.map(({ name }) => sql(`SELECT to_jsonb(t) AS row FROM "${name}" t`)))
  return JSON.stringify(rows)
}

const spellings = (bytes: Buffer): string[] => [
  bytes.toString('base64url'),
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('hex'),
  bytes.toString('latin1'),
]

test('what Redis, Postgres and the log hold lets nobody sign in', async t => {
  const { client } = world
  const account = await anAccount(client, { password: 'a canary of 3 words' })
  const second = (await client.post('refresh', { refresh_token: account.refresh })).body
  const third = (await client.post('refresh', { refresh_token: second.refresh_token })).body
  const login = (await client.post('login', { email: account.email, password: account.password })).body
  // Theft, a refusal and a wrong password are logged, too.
  await client.post('login', { email: account.email, password: 'a canary of 4 words' })
  await client.get('me', { token: `${login.access_token}x` })
  const stolen = await anAccount(client)
  await client.post('refresh', { refresh_token: stolen.refresh })
  await client.post('refresh', {
    refresh_token: (await client.post('refresh', { refresh_token: stolen.refresh })).body.refresh_token,
  })
  await client.post('refresh', { refresh_token: stolen.refresh })

  const [redis, postgres, log] = [await dumpRedis(world), await dumpPostgres(world), world.logs.join('\n')]
  const refreshTokens = [
    account.refresh,
    second.refresh_token,
    third.refresh_token,
    login.refresh_token,
    stolen.refresh,
  ]
  const accessTokens = [account.access, second.access_token, third.access_token, login.access_token]
  const secrets = refreshTokens.map(token => Buffer.from(token.slice(4), 'base64url').subarray(32, 64))
  const signatures = accessTokens.map(token => token.split('.')[2]?.slice(-60))
  const canaries = [
    'canary',
    'lkr_',
    'lkp_',
    'v4.public.',
    ...refreshTokens,
    ...signatures,
    ...secrets.flatMap(spellings),
  ]
  for (const [i, canary] of canaries.entries())
    for (const [where, dump] of Object.entries({ redis, postgres, log }))
      t.false(dump.includes(JSON.stringify(canary).slice(1, -1)), `canary ${i} in ${where}`)

  // The places were looked at in earnest: each holds what it ought to.
  const live = createHash('sha256')
    .update(secrets[2] ?? '')
    .digest('base64url')
  t.true(redis.includes(live))
  t.true(postgres.includes(account.email))
  t.true(log.includes('a spent refresh token was presented'))
  t.false(log.includes(account.email), 'addresses are no matter of the log')
})
