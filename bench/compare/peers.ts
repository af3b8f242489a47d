import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'
import { type Account, makeAccounts, password } from './accounts.ts'
import { addToBetterAuth, addToTables, makeTables, signIn } from './peer-data.ts'
import { baseEnv, type Launch, scriptPath } from './process.ts'
import { betterAuthRequests, handWrittenRequests, type TargetRequests } from './requests.ts'
import type { Stores } from './stores.ts'
import { type LoadSize, names, type Start, type Target } from './target.ts'

// Accounts that only need a session have a password of low bcrypt cost. Accounts whose login is timed have cost 12.
const peer = async (
  loadSize: LoadSize,
  { name, requests, start }: { name: string; requests: TargetRequests; start: Launch },
  add: (all: Account[], hash: string) => Promise<void>,
  begin: Start,
): Promise<Target> => {
  const renewals = requests.refresh ? loadSize.renewals : 0
  const users = makeAccounts(loadSize.sessions + renewals, 'session')
  const logins = makeAccounts(loadSize.logins, 'login')
  await add(users, await bcrypt.hash(password, 4))
  await add(logins, await bcrypt.hash(password, 12))
  const running = await begin(start)
  const [first] = logins
  if (!first) throw new Error('there is no account to sign in with')
  const sessions = await signIn(running.url, requests.login(first).path, users)
  return {
    ...{ name, requests, launch: start, running, logins },
    ...{ sessions: sessions.slice(0, loadSize.sessions), renewals: sessions.slice(loadSize.sessions) },
  }
}

const peerEnv = (databaseUrl: string, more: Record<string, string> = {}): Record<string, string> => ({
  ...{ ...baseEnv(), DATABASE_URL: databaseUrl, TOKEN_SECRET: randomBytes(32).toString('base64') },
  ...more,
})

export const handWritten = async (
  stores: Stores,
  loadSize: LoadSize,
  begin: Start,
  framework: 'express' | 'fastify',
): Promise<Target> => {
  const databaseUrl = await stores.database(`bench_${framework}`)
  await makeTables(databaseUrl)
  const start = { script: `peers/${framework}.ts`, env: peerEnv(databaseUrl) }
  const as = { name: names[framework], requests: handWrittenRequests, start }
  return peer(loadSize, as, (all, hash) => addToTables(databaseUrl, all, hash), begin)
}

export const betterAuth = async (stores: Stores, loadSize: LoadSize, begin: Start): Promise<Target> => {
  const databaseUrl = await stores.database('bench_better_auth')
  const env = peerEnv(databaseUrl, { REDIS_URL: stores.redis() })
  await promisify(execFile)(process.execPath, [scriptPath('peers/better-auth-migrate.ts')], { env })
  const start = { script: 'peers/better-auth.ts', env }
  const as = { name: names.betterAuthRedis, requests: betterAuthRequests, start }
  return peer(loadSize, as, (all, hash) => addToBetterAuth(databaseUrl, all, hash), begin)
}
