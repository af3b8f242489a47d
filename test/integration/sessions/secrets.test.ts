import { createHash } from 'node:crypto'
import anyTest from 'ava'
import { readRefreshToken, writeRefreshToken } from '../../../src/features/sessions/rules.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { testSecret } from '../../template.ts'
import { openWorld, type World } from '../../world.ts'

// Malformed refresh tokens, secrets at rest, and the limit of sessions.

const test = anyTest.serial

const refreshGarbageWorld = await openWorld()
const watch = await monitorRedis(refreshGarbageWorld)
const account = await anAccount(refreshGarbageWorld.client)
const stranger = await anAccount(refreshGarbageWorld.client)
const secretsAtRestWorld = await openWorld()
const sessionLimitWorld = await openWorld()
const other = await sessionLimitWorld.instance()
await openPools(sessionLimitWorld, other)
anyTest.after.always(async () => {
  for (const each of [refreshGarbageWorld, secretsAtRestWorld, sessionLimitWorld])
    await each[Symbol.asyncDispose]()
})

{
  const world = refreshGarbageWorld
  anyTest.after.always(() => watch[Symbol.asyncDispose]())

  const { client } = world
  const secrets = deriveSecrets(testSecret)
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

  test('a token with any one of its bytes changed is refused, and Redis is not asked', async t => {
    t.is(genuine.length, 80)
    const before = await ownSession()
    await watch.seen()
    for (let at = 0; at < genuine.length; at++)
      for (const bit of [1, 0x80]) {
        const { status, body } = await refresh(tokenOf(changed(at, bit)))
        t.is(status, 401, `byte ${at}`)
        t.is(body.code, 'INVALID_REFRESH_TOKEN')
      }
    t.deepEqual(await watch.seen(), [])
    t.deepEqual(await ownSession(), before)
  })

  test('a text that is nearly the token is refused, and Redis is not asked', async t => {
    const token = account.refresh
    const base = token.slice(4)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // The last character carries two bits that decoders ignore.
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
    await watch.seen()
    for (const text of texts) {
      const { status, body } = await refresh(text)
      t.is(status, 401, text)
      t.is(body.code, 'INVALID_REFRESH_TOKEN', text)
    }
    t.deepEqual(await watch.seen(), [])
  })

  test('a text that no token is spelled like is refused the same, and Redis is not asked', async t => {
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
    await watch.seen()
    for (const text of texts) {
      const { status, body } = await refresh(text)
      t.is(status, 401, JSON.stringify(text))
      t.is(body.code, 'INVALID_REFRESH_TOKEN')
    }
    t.deepEqual(await watch.seen(), [])
  })

  test('what is no text, or too long for one, is a fault of the request', async t => {
    const token = account.refresh
    await watch.seen()
    for (const text of ['', 'A'.repeat(4097), 1, null, true, [token], { refresh_token: token }]) {
      const { status, body } = await refresh(text)
      t.is(status, 400, JSON.stringify(text))
      t.is(body.code, 'VALIDATION_ERROR')
      t.false(JSON.stringify(body).includes(token), 'the reply does not repeat it')
    }
    t.is((await client.post('refresh', { refresh_token: token, user_id: stranger.userId })).status, 400)
    for (const none of [undefined, {}])
      t.is((await client.post('refresh', none)).body.code, 'INVALID_REFRESH_TOKEN', 'no cookie either')
    t.deepEqual(await watch.seen(), [])
  })

  test('the ids of another user or session do not fit', async t => {
    const other = bytesOf(stranger.refresh)
    const mixed = [
      [other.subarray(0, 16), genuine.subarray(16)],
      [genuine.subarray(0, 16), other.subarray(16, 32), genuine.subarray(32)],
      [other.subarray(0, 32), genuine.subarray(32)],
      [genuine.subarray(0, 64), other.subarray(64)],
      [other.subarray(0, 64), genuine.subarray(64)],
      [genuine.subarray(0, 64), Buffer.alloc(16)],
    ]
    await watch.seen()
    for (const parts of mixed) t.is((await refresh(tokenOf(Buffer.concat(parts)))).status, 401)
    t.deepEqual(await watch.seen(), [])
  })

  test('a token made under another secret is refused, and Redis is not asked', async t => {
    const parts = readRefreshToken(secrets, account.refresh)
    if (!parts) throw new Error('the genuine token must be readable')
    t.is(writeRefreshToken(secrets, parts), account.refresh)
    await watch.seen()
    t.is((await refresh(writeRefreshToken(deriveSecrets('x'.repeat(32)), parts))).status, 401)
    t.deepEqual(await watch.seen(), [])
  })

  test('a genuine tag over a secret that was never issued is theft', async t => {
    const { userId, sessionId, refresh: issued } = await anAccount(client)
    const forged = writeRefreshToken(secrets, { userId, sessionId, secret: Buffer.alloc(32, 7) })
    t.is((await refresh(forged)).status, 401)
    t.is((await refresh(issued)).status, 401)
  })

  test('neither kind of token does the work of the other, and Redis is not asked', async t => {
    await watch.seen()
    t.is((await refresh(account.access)).status, 401)
    const asked = await client.get('me', { token: account.refresh })
    t.is(asked.status, 401)
    t.is(asked.body.code, 'INVALID_TOKEN')
    t.is((await client.post('logout-all', undefined, { token: account.refresh })).status, 401)
    t.deepEqual(await watch.seen(), [])
  })

  test('after all of that the genuine token works', async t => {
    await watch.seen()
    t.is((await refresh(account.refresh)).status, 200)
    t.true((await watch.seen()).length > 0, 'the watch sees what Redis is asked')
    t.is((await refresh(stranger.refresh)).status, 200)
  })
}

{
  const world = secretsAtRestWorld
  // Everything that Redis holds for the world, as text.
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
}

{
  const world = sessionLimitWorld
  const { client, clock, travel } = world
  const day = 86_400_000

  const login = async ({ email, password }: Account) => {
    const reply = await client.post('login', { email, password })
    if (reply.status !== 200) throw new Error(`login answered ${reply.status}`)
    return reply.body as { session_id: string; access_token: string; refresh_token: string }
  }
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const listed = async (token: string): Promise<string[]> => {
    const { body } = await client.get('sessions', { token })
    return body.data.map(({ id }: { id: string }) => id).sort()
  }
  // Signs in again and again, a second apart.
  const logins = async (account: Account, count: number) => {
    const made = []
    for (let i = 0; i < count; i++) {
      await travel(clock.shift + 1000)
      made.push(await login(account))
    }
    return made
  }

  test('one session too many ends the one that was quiet for longest, and that alone', async t => {
    const account = await anAccount(client)
    const [quiet, ...others] = await logins(account, 19)
    await travel(clock.shift + 1000)
    const { body: first } = await refresh(account.refresh)
    t.is((await listed(first.access_token)).length, 20)

    await travel(clock.shift + 1000)
    const last = await login(account)
    const lives = [account.sessionId, ...others.map(({ session_id }) => session_id), last.session_id].sort()
    t.deepEqual(await listed(last.access_token), lives)
    t.is((await client.get('me', { token: quiet?.access_token })).body.code, 'SESSION_REVOKED')
    t.is((await refresh(quiet?.refresh_token ?? '')).body.code, 'INVALID_REFRESH_TOKEN')
    for (const { refresh_token } of [first, ...others, last]) t.is((await refresh(refresh_token)).status, 200)
  })

  test('a session in use is not ended for its age while others are quiet', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    for (let week = 0; week < 4; week++) {
      await travel(clock.shift + 6 * day)
      token = (await refresh(token)).body.refresh_token
    }
    await travel(clock.shift + 3 * day)
    const [quiet] = await logins(account, 19)
    await travel(clock.shift + day / 2)
    token = (await refresh(token)).body.refresh_token
    await travel(clock.shift + 1000)
    const { access_token } = await login(account)
    const ids = await listed(access_token)
    t.is(ids.length, 20)
    t.true(ids.includes(account.sessionId))
    t.false(ids.includes(quiet?.session_id ?? ''))
    t.is((await refresh(token)).status, 200)
  })

  test('sixty logins at once on two instances leave twenty sessions', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 1000)
    const { email, password: word } = account
    const replies = await sendSimultaneously(
      [world.url, other.url],
      times(60, { path: 'login', body: { email, password: word } }),
    )
    t.deepEqual(statusesOf(replies), { 200: 60 })
    const made = replies.map(({ body }) => body as Awaited<ReturnType<typeof login>>)
    const asked = await Promise.all(made.map(({ access_token }) => client.get('me', { token: access_token })))
    const lives = made.filter((_, i) => asked[i]?.status === 200)
    t.is(lives.length, 20)
    t.is((await client.get('me', { token: account.access })).status, 401)
    t.deepEqual(await listed(lives[0]?.access_token ?? ''), lives.map(({ session_id }) => session_id).sort())

    const { userId } = account
    t.is((await world.keysLike(world.keys.session(userId, '*'))).length, 20, 'nothing of the others is kept')
    const statuses = await Promise.all(
      made.map(async ({ refresh_token }) => (await refresh(refresh_token)).status),
    )
    t.is(statuses.filter(status => status === 200).length, 20)
    t.is(statuses.filter(status => status === 401).length, 40)
  })

  test('somebody else keeps their sessions', async t => {
    const [one, another] = [await anAccount(client), await anAccount(client)]
    await logins(one, 22)
    t.is((await refresh(another.refresh)).status, 200)
  })
}
