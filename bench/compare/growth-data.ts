import bcrypt from 'bcrypt'
import { Redis } from 'ioredis'
import { redisKeys } from '../../src/platform/redis/keys.ts'
import { type Account, password, withClient } from './accounts.ts'
import { latchkeyEnv } from './latchkey.ts'
import { openDeps, type Session, startSessions } from './latchkey-data.ts'
import { launch, type Running } from './process.ts'
import type { Stores } from './stores.ts'

/** A service with this many users, each with a session. The users that send requests are spread among all of them. */
export type Grown = { size: number; running: Running; sessions: Session[]; renewals: Session[] }

const measuredCounts = { sessions: 256, renewals: 64 }
const keyPrefix = 'lk'

// The stores make the data themselves, from numbers: a million rows would take much longer through a client.
const idPrefix = '018f0000-0000-7000-8000-'
const idInSql = `('${idPrefix}' || lpad(to_hex(i), 12, '0'))::uuid`

/** Picks this many accounts at equal distances. */
const spreadOut = (size: number, count: number): Account[] =>
  Array.from({ length: count }, (_, at) => {
    const number = Math.floor(((at + 0.5) * size) / count)
    return { id: `${idPrefix}${number.toString(16).padStart(12, '0')}`, email: `grown-${number}@example.com` }
  })

const addRows = (databaseUrl: string, size: number, hash: string): Promise<void> =>
  withClient(databaseUrl, async client => {
    await client.query(
      `INSERT INTO users (id, email, password_hash, full_name, preferred_language, last_login_at)
       SELECT ${idInSql}, 'grown-' || i || '@example.com', $2, 'Ada Example', 'en', now()
       FROM generate_series(0, $1::integer - 1) AS i`,
      [size, hash],
    )
    // Without a check of the foreign key and the triggers of each row: the users were written a moment ago.
    await client.query('SET session_replication_role = replica')
    await client.query(
      `INSERT INTO audit_events (id, type, user_id, ip, user_agent)
       SELECT ${idInSql}, 'login.succeeded', ${idInSql}, '127.0.0.1', 'bench/1.0'
       FROM generate_series(0, $1::integer - 1) AS i`,
      [size],
    )
    await client.query('VACUUM ANALYZE')
  })

// Copies a real session with its time to live, so that the script does not depend on the format of a session. Users that
// have a session keep it. A session id has the length of a user id, and no request uses these sessions.
const copies = `
local score = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
local ttl = redis.call('PTTL', KEYS[2])
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id = string.format('${idPrefix}%012x', i)
  local user = '${keyPrefix}:{' .. id .. '}'
  if redis.call('EXISTS', user .. ':sessions') == 0 then
    redis.call('COPY', KEYS[1], user .. ':session:' .. id)
    redis.call('ZADD', user .. ':sessions', score, id)
    if ttl > 0 then redis.call('PEXPIRE', user .. ':sessions', ttl) end
  end
end`

const copySessions = async (redisUrl: string, { id }: Account, size: number): Promise<void> => {
  const redis = new Redis(redisUrl)
  const keys = redisKeys(keyPrefix)
  const step = 2000
  try {
    const [session = ''] = await redis.zrange(keys.sessions(id), 0, 0)
    const model = [keys.session(id, session), keys.sessions(id)]
    for (let first = 0; first < size; first += step)
      await redis.eval(copies, 2, ...model, first, Math.min(first + step, size) - 1)
  } finally {
    redis.disconnect()
  }
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
  await addRows(databaseUrl, size, await bcrypt.hash(password, 4))
  const chosen = spreadOut(size, measuredCounts.sessions + measuredCounts.renewals)
  await using deps = await openDeps(env)
  const sessions = await startSessions(deps, chosen)
  await copySessions(redisUrl, chosen[0] as Account, size)
  const assigned = sessions.map((session, at) => ({ session, renews: at % 5 === 4 }))
  return {
    size,
    running: begun(await launch({ script: '../src/api.ts', env, ready: '/readyz' })),
    sessions: assigned.filter(({ renews }) => !renews).map(({ session }) => session),
    renewals: assigned.filter(({ renews }) => renews).map(({ session }) => session),
  }
}
