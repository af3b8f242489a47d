import { createHash } from 'node:crypto'
import anyTest from 'ava'
import { readRefreshToken, writeRefreshToken } from '../../../src/features/sessions/refresh-token.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import { anAccount, opaqueToken } from '../../fixtures.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { testSecret } from '../../template.ts'
import { openWorld, type World } from '../../world.ts'

// Forged and malformed refresh tokens, and secrets at rest.

const test = anyTest.serial

const forgeryWorld = await openWorld()
const monitor = await monitorRedis(forgeryWorld)
const account = await anAccount(forgeryWorld.client)
const otherUser = await anAccount(forgeryWorld.client)
const secretsAtRestWorld = await openWorld()
anyTest.after.always(async () => {
  for (const each of [forgeryWorld, secretsAtRestWorld]) await each[Symbol.asyncDispose]()
})

{
  const world = forgeryWorld
  anyTest.after.always(() => monitor[Symbol.asyncDispose]())

  const { client } = world
  const secrets = deriveSecrets([testSecret])
  const refresh = (token: unknown) => client.post('refresh', { refresh_token: token })
  const bytesOf = (token: string): Buffer => Buffer.from(token.slice(4), 'base64url')
  const tokenOf = (bytes: Uint8Array): string => `lkr_${Buffer.from(bytes).toString('base64url')}`
  const genuine = bytesOf(account.refresh)
  const changed = (at: number, bit: number): Buffer => {
    const bytes = Buffer.from(genuine)
    bytes[at] = (bytes[at] ?? 0) ^ bit
    return bytes
  }
  const ownSession = () => world.redis.hgetall(world.keys.session(account.userId, account.sessionId))

  test('refresh token with any single byte changed → 401 without a Redis command', async t => {
    t.is(genuine.length, 80)
    const before = await ownSession()
    await monitor.seen()
    for (let at = 0; at < genuine.length; at++)
      for (const bit of [1, 0x80]) {
        const { status, body } = await refresh(tokenOf(changed(at, bit)))
        t.is(status, 401, `byte ${at}`)
        t.is(body.code, 'INVALID_REFRESH_TOKEN')
      }
    t.deepEqual(await monitor.seen(), [])
    t.deepEqual(await ownSession(), before)
  })

  test('text similar to a refresh token → 401 without a Redis command', async t => {
    const token = account.refresh
    const base = token.slice(4)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // The last base64url character has two bits that decoders ignore.
    const last = alphabet.indexOf(token.at(-1) ?? '')
    const respelled = [1, 2, 3].map(bits => token.slice(0, -1) + alphabet[last ^ bits])
    for (const same of respelled) t.deepEqual(bytesOf(same), genuine)
    const texts = [
      base,
      `lkp_${base}`,
      `LKR_${base}`,
      `lkr-${base}`,
      `lkr_lkr_${base}`,
      `lkr_${base}A`,
      `lkr_${base}AAAA`,
      `lkr_A${base}`,
      `lkr_${base}${base}`,
      'lkr_',
      'lkr_A',
      ...[1, 2, 22, 50, 106].map(length => token.slice(0, -length)),
      ...respelled,
    ]
    await monitor.seen()
    for (const text of texts) {
      const { status, body } = await refresh(text)
      t.is(status, 401, text)
      t.is(body.code, 'INVALID_REFRESH_TOKEN', text)
    }
    t.deepEqual(await monitor.seen(), [])
  })

  test('text that cannot be a refresh token → 401 without a Redis command', async t => {
    const token = account.refresh
    const texts = [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token}\n`,
      token.replace('_', '.'),
      'A'.repeat(513),
      account.access,
    ]
    await monitor.seen()
    for (const text of texts) {
      const { status, body } = await refresh(text)
      t.is(status, 401, JSON.stringify(text))
      t.is(body.code, 'INVALID_REFRESH_TOKEN')
    }
    t.deepEqual(await monitor.seen(), [])
  })

  test('refresh_token that is not a string, empty or over 4096 characters → 400, without echoing it', async t => {
    const token = account.refresh
    await monitor.seen()
    for (const text of ['', 'A'.repeat(4097), 1, null, true, [token], { refresh_token: token }]) {
      const { status, body } = await refresh(text)
      t.is(status, 400, JSON.stringify(text))
      t.is(body.code, 'VALIDATION_ERROR')
      t.false(JSON.stringify(body).includes(token), 'the reply does not echo the token')
    }
    t.is((await client.post('refresh', { refresh_token: token, user_id: otherUser.userId })).status, 400)
    for (const none of [undefined, {}])
      t.is(
        (await client.post('refresh', none)).body.code,
        'INVALID_REFRESH_TOKEN',
        'no token in body or cookie',
      )
    t.deepEqual(await monitor.seen(), [])
  })

  test('refresh token combined with the ids of another user or session → 401 without a Redis command', async t => {
    const other = bytesOf(otherUser.refresh)
    const mixed = [
      [other.subarray(0, 16), genuine.subarray(16)],
      [genuine.subarray(0, 16), other.subarray(16, 32), genuine.subarray(32)],
      [other.subarray(0, 32), genuine.subarray(32)],
      [genuine.subarray(0, 64), other.subarray(64)],
      [other.subarray(0, 64), genuine.subarray(64)],
      [genuine.subarray(0, 64), Buffer.alloc(16)],
    ]
    await monitor.seen()
    for (const parts of mixed) t.is((await refresh(tokenOf(Buffer.concat(parts)))).status, 401)
    t.deepEqual(await monitor.seen(), [])
  })

  test('refresh token made with another secret → 401 without a Redis command', async t => {
    const parts = readRefreshToken(secrets, account.refresh)
    if (!parts) throw new Error('the genuine token must be readable')
    t.is(writeRefreshToken(parts), account.refresh)
    await monitor.seen()
    t.is(
      (await refresh(writeRefreshToken({ ...parts, keys: deriveSecrets(['x'.repeat(32)]).current }))).status,
      401,
    )
    t.deepEqual(await monitor.seen(), [])
  })

  test('valid tag over a secret that was never issued → treated as theft, the session ends', async t => {
    const { userId, sessionId, refresh: issued } = await anAccount(client)
    const forged = writeRefreshToken({
      ...{ userId, sessionId, keys: secrets.current },
      secret: Buffer.alloc(32, 7),
    })
    t.is((await refresh(forged)).status, 401)
    t.is((await refresh(issued)).status, 401)
  })

  test('access token as refresh token, and the reverse → 401 without a Redis command', async t => {
    await monitor.seen()
    t.is((await refresh(account.access)).status, 401)
    const reply = await client.get('me', { token: account.refresh })
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_TOKEN')
    t.is((await client.post('logout-all', undefined, { token: account.refresh })).status, 401)
    t.deepEqual(await monitor.seen(), [])
  })

  test('after all forged tokens the genuine token still works', async t => {
    await monitor.seen()
    t.is((await refresh(account.refresh)).status, 200)
    t.true((await monitor.seen()).length > 0, 'the monitor sees the commands of a valid refresh')
    t.is((await refresh(otherUser.refresh)).status, 200)
  })
}

{
  const world = secretsAtRestWorld
  // All keys and values of the world in Redis, as text.
  const dumpRedis = async ({ redis, env, keysLike }: World): Promise<string> => {
    const keys = [
      ...(await keysLike(`${env.REDIS_PREFIX}:*`)),
      ...(await keysLike(`{${env.REDIS_PREFIX}}:*`)),
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
    const rows = await Promise.all(
      tables.map(({ name }) => sql(`SELECT to_jsonb(t) AS row FROM "${name}" t`)),
    )
    return JSON.stringify(rows)
  }

  const spellings = (bytes: Buffer): string[] => [
    bytes.toString('base64url'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
    bytes.toString('latin1'),
  ]

  test('Redis, Postgres and the log contain no token, secret or password that allows a login', async t => {
    const { client } = world
    const account = await anAccount(client, { password: 'a canary of 3 words' })
    const second = (await client.post('refresh', { refresh_token: account.refresh })).body
    const third = (await client.post('refresh', { refresh_token: second.refresh_token })).body
    const login = (await client.post('login', { email: account.email, password: account.password })).body
    // A theft, a rejected token and a wrong password must be logged without secrets too.
    await client.post('login', { email: account.email, password: 'a canary of 4 words' })
    await client.get('me', { token: `${login.access_token}x` })
    const stolen = await anAccount(client)
    await client.post('refresh', { refresh_token: stolen.refresh })
    await client.post('refresh', {
      refresh_token: (await client.post('refresh', { refresh_token: stolen.refresh })).body.refresh_token,
    })
    await client.post('refresh', { refresh_token: stolen.refresh })

    const [redis, postgres, log] = [
      await dumpRedis(world),
      await dumpPostgres(world),
      (await world.logs()).join('\n'),
    ]
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
      'a canary of',
      'v4.public.',
      ...refreshTokens,
      ...signatures,
      ...secrets.flatMap(spellings),
    ]
    for (const [i, canary] of canaries.entries())
      for (const [where, dump] of Object.entries({ redis, postgres, log }))
        t.false(dump.includes(JSON.stringify(canary).slice(1, -1)), `canary ${i} in ${where}`)
    for (const [where, dump] of Object.entries({ redis, postgres, log })) t.notRegex(dump, opaqueToken, where)

    // Proves that the dumps are complete: each contains a value that must be there.
    const live = createHash('sha256')
      .update(secrets[2] ?? '')
      .digest('base64url')
    t.true(redis.includes(live))
    t.true(postgres.includes(account.email))
    t.true(log.includes('a refresh token was reused: the session has ended'))
    t.false(log.includes(account.email), 'the log contains no email address')
  })
}
