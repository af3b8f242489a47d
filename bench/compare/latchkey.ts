import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'
import { type Contestant, type Crowd, names, type Start } from './contestant.ts'
import { addPeople, openDeps, startSessions } from './latchkey-data.ts'
import { password, people } from './people.ts'
import { baseEnv, scriptPath } from './process.ts'
import { latchkeyWords } from './requests.ts'
import type { Stores } from './stores.ts'

export const issuer = 'https://accounts.example.com'

/** As the image and `npm run api` start it. */
const settings = {
  NODE_OPTIONS: '--max-semi-space-size=32',
  NODE_COMPILE_CACHE: scriptPath('../.latchkey/compiled'),
}

/** As in production; the limits are counted as ever, and never reached. Tokens outlive the run. */
export const latchkeyEnv = async (databaseUrl: string, redisUrl: string): Promise<Record<string, string>> => {
  const env = {
    ...baseEnv(),
    ...settings,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    APP_SECRET: randomBytes(32).toString('base64'),
    PUBLIC_URL: issuer,
    ACCESS_TOKEN_TTL: '1h',
    RATE_LIMITS: ['register', 'login', 'refresh', 'anonymous', 'bearer', 'mail', 'mail_ip']
      .map(name => `${name}=9999999/15m`)
      .join(','),
  }
  await promisify(execFile)(process.execPath, [scriptPath('../src/migrate.ts')], { env })
  return env
}

export const latchkey = async (stores: Stores, crowd: Crowd, begin: Start): Promise<Contestant> => {
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
