import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'
import { addPeople, openDeps, type Session, startSessions } from './latchkey-data.ts'
import { addToBetterAuth, addToTables, makeTables, signIn } from './peer-data.ts'
import { type Person, password, people } from './people.ts'
import { baseEnv, type Launch, launch, type Running, scriptPath } from './process.ts'
import { betterAuthWords, handWrittenWords, latchkeyWords, type Words } from './requests.ts'
import type { Stores } from './stores.ts'

/** Who is measured. `renewals` are sessions that nobody has used yet: they are taken from it as they are spent. */
export type Contestant = {
  name: string
  words: Words
  launch: Launch
  running: Running
  sessions: Session[]
  renewals: Session[]
  logins: Person[]
}

export const names = {
  latchkey: 'Latchkey',
  express: 'Express + jsonwebtoken',
  fastify: 'Fastify + @fastify/jwt',
  betterAuth: 'Better Auth',
  betterAuthRedis: 'Better Auth, sessions in Redis',
} as const

/** How many sessions `me` is asked with, how many are renewed at the same time, and how often that is measured. */
export type Crowd = { sessions: number; renewals: number; logins: number }

const script = promisify(execFile)

export const issuer = 'https://accounts.example.com'

/** As in production; the limits are counted as ever, and never reached. Tokens outlive the run. */
export const latchkeyEnv = async (databaseUrl: string, redisUrl: string): Promise<Record<string, string>> => {
  const env = {
    ...baseEnv(),
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    APP_SECRET: randomBytes(32).toString('base64'),
    PUBLIC_URL: issuer,
    ACCESS_TOKEN_TTL: '1h',
    RATE_LIMITS: ['register', 'login', 'refresh', 'anonymous', 'bearer', 'mail', 'mail_ip']
      .map(name => `${name}=9999999/15m`)
      .join(','),
  }
  await script(process.execPath, [scriptPath('../src/migrate.ts')], { env })
  return env
}

/** Starts a server that ends with the others, whatever comes after it. */
type Start = (launch: Launch) => Promise<Running>

const latchkey = async (stores: Stores, crowd: Crowd, begin: Start): Promise<Contestant> => {
  const databaseUrl = await stores.database('bench_latchkey')
  const env = await latchkeyEnv(databaseUrl, stores.redis())
  const users = people(crowd.sessions + crowd.renewals, 'session')
  const logins = people(crowd.logins, 'login')
  await addPeople(databaseUrl, [...users, ...logins], await bcrypt.hash(password, 12))
  await using deps = await openDeps(env)
  const sessions = await startSessions(deps, users)
  const start = { script: '../src/api.ts', env, ready: '/readyz' }
  return {
    ...{ name: names.latchkey, words: latchkeyWords, launch: start, running: await begin(start), logins },
    ...{ sessions: sessions.slice(0, crowd.sessions), renewals: sessions.slice(crowd.sessions) },
  }
}

// Whoever only needs a session has a password that is quickly compared; those who are timed have a dear one.
const peer = async (
  crowd: Crowd,
  { name, words, start }: { name: string; words: Words; start: Launch },
  add: (all: Person[], hash: string) => Promise<void>,
  begin: Start,
): Promise<Contestant> => {
  const renewals = words.refresh ? crowd.renewals : 0
  const users = people(crowd.sessions + renewals, 'session')
  const logins = people(crowd.logins, 'login')
  await add(users, await bcrypt.hash(password, 4))
  await add(logins, await bcrypt.hash(password, 12))
  const running = await begin(start)
  const [somebody] = logins
  if (!somebody) throw new Error('somebody has to sign in')
  const sessions = await signIn(running.url, words.login(somebody).path, users)
  return {
    ...{ name, words, launch: start, running, logins },
    ...{ sessions: sessions.slice(0, crowd.sessions), renewals: sessions.slice(crowd.sessions) },
  }
}

const peerEnv = (databaseUrl: string, more: Record<string, string> = {}): Record<string, string> => ({
  ...{ ...baseEnv(), DATABASE_URL: databaseUrl, TOKEN_SECRET: randomBytes(32).toString('base64') },
  ...more,
})

const handWritten = async (
  stores: Stores,
  crowd: Crowd,
  begin: Start,
  framework: 'express' | 'fastify',
): Promise<Contestant> => {
  const databaseUrl = await stores.database(`bench_${framework}`)
  await makeTables(databaseUrl)
  const start = { script: `peers/${framework}.ts`, env: peerEnv(databaseUrl) }
  const as = { name: names[framework], words: handWrittenWords, start }
  return peer(crowd, as, (all, hash) => addToTables(databaseUrl, all, hash), begin)
}

const betterAuth = async (
  stores: Stores,
  crowd: Crowd,
  begin: Start,
  inRedis: boolean,
): Promise<Contestant> => {
  const databaseUrl = await stores.database(inRedis ? 'bench_better_auth_redis' : 'bench_better_auth')
  const env = peerEnv(databaseUrl, inRedis ? { REDIS_URL: stores.redis() } : {})
  await script(process.execPath, [scriptPath('peers/better-auth-migrate.ts')], { env })
  const name = inRedis ? names.betterAuthRedis : names.betterAuth
  const start = { script: 'peers/better-auth.ts', env }
  const as = { name, words: betterAuthWords, start }
  return peer(crowd, as, (all, hash) => addToBetterAuth(databaseUrl, all, hash), begin)
}

/** Starts those that are wanted. All of them are up during the whole run, and only one is asked at a time. */
export const openContestants = async (
  stores: Stores,
  crowd: Crowd,
  only: readonly string[] = Object.values(names),
): Promise<Contestant[] & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const all: Contestant[] = []
  const begin: Start = async start => stack.use(await launch(start))
  const openings = [
    [names.latchkey, () => latchkey(stores, crowd, begin)],
    [names.express, () => handWritten(stores, crowd, begin, 'express')],
    [names.fastify, () => handWritten(stores, crowd, begin, 'fastify')],
    [names.betterAuth, () => betterAuth(stores, crowd, begin, false)],
    [names.betterAuthRedis, () => betterAuth(stores, crowd, begin, true)],
  ] as const
  for (const [name, open] of openings) {
    if (!only.includes(name)) continue
    process.stderr.write(`starting ${name}\n`)
    all.push(await open())
  }
  const kept = stack.move()
  return Object.assign(all, { [Symbol.asyncDispose]: () => kept.disposeAsync() })
}
