import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'
import { type Contestant, type Crowd, names, type Start } from './contestant.ts'
import { addToBetterAuth, addToTables, makeTables, signIn } from './peer-data.ts'
import { type Person, password, people } from './people.ts'
import { baseEnv, type Launch, scriptPath } from './process.ts'
import { betterAuthWords, handWrittenWords, type Words } from './requests.ts'
import type { Stores } from './stores.ts'

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

export const handWritten = async (
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

export const betterAuth = async (
  stores: Stores,
  crowd: Crowd,
  begin: Start,
  inRedis: boolean,
): Promise<Contestant> => {
  const databaseUrl = await stores.database(inRedis ? 'bench_better_auth_redis' : 'bench_better_auth')
  const env = peerEnv(databaseUrl, inRedis ? { REDIS_URL: stores.redis() } : {})
  await promisify(execFile)(process.execPath, [scriptPath('peers/better-auth-migrate.ts')], { env })
  const name = inRedis ? names.betterAuthRedis : names.betterAuth
  const start = { script: 'peers/better-auth.ts', env }
  const as = { name, words: betterAuthWords, start }
  return peer(crowd, as, (all, hash) => addToBetterAuth(databaseUrl, all, hash), begin)
}
