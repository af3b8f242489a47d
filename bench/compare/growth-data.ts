import bcrypt from 'bcrypt'
import { Redis } from 'ioredis'
import { redisKeys } from '../../src/platform/redis/keys.ts'
import { type Account, inBatches, makeAccounts, password, withClient } from './accounts.ts'
import { latchkeyEnv } from './latchkey.ts'
import { addAccounts, openDeps, type Session, startSessions } from './latchkey-data.ts'
import { launch, type Running } from './process.ts'
import type { Stores } from './stores.ts'

/** A service with this many users, each with a session. The users that send requests are spread among all of them. */
export type Grown = {
  size: number
  running: Running
  sessions: Session[]
  renewals: Session[]
  logins: Account[]
}

const measuredCounts = { sessions: 256, renewals: 64, logins: 16 }

/** Picks this many accounts at equal distances. */
const spreadOut = (all: Account[], count: number): Account[] =>
  Array.from({ length: count }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / count)] as Account)

// Copies a real session with its time to live, so that the script does not depend on the format of a session.
const copies = `
for i = 1, #ARGV, 2 do
  local session = KEYS[3] .. '{' .. ARGV[i] .. '}:session:' .. ARGV[i + 1]
  redis.call('COPY', KEYS[1], session)
  local index = KEYS[3] .. '{' .. ARGV[i] .. '}:sessions'
  redis.call('COPY', KEYS[2], index)
  redis.call('ZADD', index, redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2], ARGV[i + 1])
  redis.call('ZREMRANGEBYRANK', index, 0, -2)
end`

const copySessions = async (redisUrl: string, model: { account: Account; id: string }, rest: Account[]) => {
  const redis = new Redis(redisUrl)
  try {
    const keys = redisKeys('lk')
    const { account, id } = model
    const from = [keys.session(account.id, id), keys.sessions(account.id), 'lk:']
    await inBatches(rest, 500, async batch => {
      // A session id has the length of a user id, and no request uses these sessions.
      await redis.eval(copies, 3, ...from, ...batch.flatMap(each => [each.id, each.id]))
    })
  } finally {
    redis.disconnect()
  }
}

const addEvents = (databaseUrl: string): Promise<void> =>
  withClient(databaseUrl, async client => {
    await client.query(
      `INSERT INTO audit_events (id, type, user_id, ip, user_agent)
       SELECT gen_random_uuid(), 'login.succeeded', id, '127.0.0.1', 'bench/1.0' FROM users`,
    )
    await client.query('VACUUM ANALYZE')
  })

const sessionIdOf = async (redisUrl: string, { id }: Account): Promise<string> => {
  const redis = new Redis(redisUrl)
  const [session = ''] = await redis.zrange(redisKeys('lk').sessions(id), 0, 0)
  redis.disconnect()
  return session
}

/** Fills new stores with this many users and sessions, and starts an API on them. */
export const grow = async (
  stores: Stores,
  size: number,
  begun: (running: Running) => Running,
): Promise<Grown> => {
  const databaseUrl = await stores.database(`bench_${size}`)
  const redisUrl = stores.redis()
  const env = await latchkeyEnv(databaseUrl, redisUrl)
  const all = makeAccounts(size, 'grown')
  await addAccounts(databaseUrl, all, await bcrypt.hash(password, 12))
  await addEvents(databaseUrl)

  const chosen = spreadOut(all, measuredCounts.sessions + measuredCounts.renewals)
  await using deps = await openDeps(env)
  const sessions = await startSessions(deps, chosen)
  const first = chosen[0] as Account
  const known = new Set(chosen)
  const model = { account: first, id: await sessionIdOf(redisUrl, first) }
  await copySessions(
    redisUrl,
    model,
    all.filter(account => !known.has(account)),
  )
  const assigned = sessions.map((session, at) => ({ session, renews: at % 5 === 4 }))
  return {
    size,
    running: begun(await launch({ script: '../src/api.ts', env, ready: '/readyz' })),
    sessions: assigned.filter(({ renews }) => !renews).map(({ session }) => session),
    renewals: assigned.filter(({ renews }) => renews).map(({ session }) => session),
    logins: spreadOut(all, measuredCounts.logins),
  }
}
