import bcrypt from 'bcrypt'
import { Redis } from 'ioredis'
import { redisKeys } from '../../src/platform/redis/keys.ts'
import { latchkeyEnv } from './latchkey.ts'
import { addPeople, openDeps, type Session, startSessions } from './latchkey-data.ts'
import { inBatches, type Person, password, people, withClient } from './people.ts'
import { launch, type Running } from './process.ts'
import type { Stores } from './stores.ts'

/** A service that has so many people, each with a session. Those of them who are asked for are spread among the rest. */
export type Grown = {
  size: number
  running: Running
  sessions: Session[]
  renewals: Session[]
  logins: Person[]
}

const taken = { sessions: 256, renewals: 64, logins: 16 }

/** So many of them, from all over. */
const spreadOut = (all: Person[], count: number): Person[] =>
  Array.from({ length: count }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / count)] as Person)

// A session of somebody who signed in is copied, with its time to live: in whatever form the service keeps it.
const copies = `
for i = 1, #ARGV, 2 do
  local session = KEYS[3] .. '{' .. ARGV[i] .. '}:session:' .. ARGV[i + 1]
  redis.call('COPY', KEYS[1], session)
  local index = KEYS[3] .. '{' .. ARGV[i] .. '}:sessions'
  redis.call('COPY', KEYS[2], index)
  redis.call('ZADD', index, redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2], ARGV[i + 1])
  redis.call('ZREMRANGEBYRANK', index, 0, -2)
end`

const copySessions = async (redisUrl: string, model: { person: Person; id: string }, rest: Person[]) => {
  const redis = new Redis(redisUrl)
  try {
    const keys = redisKeys('lk')
    const { person, id } = model
    const from = [keys.session(person.id, id), keys.sessions(person.id), 'lk:']
    await inBatches(rest, 500, async batch => {
      // A session's id is as long as a user's, and nobody looks for one.
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

const sessionIdOf = async (redisUrl: string, { id }: Person): Promise<string> => {
  const redis = new Redis(redisUrl)
  const [session = ''] = await redis.zrange(redisKeys('lk').sessions(id), 0, 0)
  redis.disconnect()
  return session
}

/** Fills stores of their own with so many people and sessions, and starts an API over them. */
export const grow = async (
  stores: Stores,
  size: number,
  begun: (running: Running) => Running,
): Promise<Grown> => {
  const databaseUrl = await stores.database(`bench_${size}`)
  const redisUrl = stores.redis()
  const env = await latchkeyEnv(databaseUrl, redisUrl)
  const all = people(size, 'grown')
  await addPeople(databaseUrl, all, await bcrypt.hash(password, 12))
  await addEvents(databaseUrl)

  const chosen = spreadOut(all, taken.sessions + taken.renewals)
  await using deps = await openDeps(env)
  const sessions = await startSessions(deps, chosen)
  const first = chosen[0] as Person
  const known = new Set(chosen)
  const model = { person: first, id: await sessionIdOf(redisUrl, first) }
  await copySessions(
    redisUrl,
    model,
    all.filter(person => !known.has(person)),
  )
  const turned = sessions.map((session, at) => ({ session, renews: at % 5 === 4 }))
  return {
    size,
    running: begun(await launch({ script: '../src/api.ts', env, ready: '/readyz' })),
    sessions: turned.filter(({ renews }) => !renews).map(({ session }) => session),
    renewals: turned.filter(({ renews }) => renews).map(({ session }) => session),
    logins: spreadOut(all, taken.logins),
  }
}
