import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'
import packageJson from '../../package.json' with { type: 'json' }
import { makeAccounts, password } from './accounts.ts'
import { addAccounts, openDeps, startSessions } from './latchkey-data.ts'
import { baseEnv, scriptPath } from './process.ts'
import { latchkeyRequests } from './requests.ts'
import type { Stores } from './stores.ts'
import { type LoadSize, names, type Start, type Target } from './target.ts'

export const issuer = 'https://accounts.example.com'

type Program = 'api' | 'worker'

/** The options of Node that `npm run api` and `npm run worker` set, so that what is measured is what is run. */
const nodeOptions = (program: Program): string => {
  const script = packageJson.scripts[program]
  const options = script.match(/(?<=\s)--\S+/g) ?? []
  return options.filter(option => !option.startsWith('--env-file')).join(' ')
}

/** As in production. Limits are counted and never reached, and tokens outlive the run. */
export const latchkeyEnv = async (
  databaseUrl: string,
  redisUrl: string,
  program: Program = 'api',
): Promise<Record<string, string>> => {
  const env = {
    ...baseEnv(),
    NODE_OPTIONS: nodeOptions(program),
    NODE_COMPILE_CACHE: scriptPath('../.latchkey/compiled'),
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

export const latchkey = async (
  stores: Stores,
  loadSize: LoadSize,
  begin: Start,
  database = 'bench_latchkey',
): Promise<Target> => {
  const databaseUrl = await stores.database(database)
  const env = await latchkeyEnv(databaseUrl, stores.redis())
  const users = makeAccounts(loadSize.sessions + loadSize.renewals, 'session')
  const logins = makeAccounts(loadSize.logins, 'login')
  await addAccounts(databaseUrl, [...users, ...logins], await bcrypt.hash(password, 12))
  await using deps = await openDeps(env)
  const sessions = await startSessions(deps, users)
  const start = { script: '../src/api.ts', env, ready: '/readyz' }
  return {
    ...{
      name: names.latchkey,
      requests: latchkeyRequests,
      launch: start,
      running: await begin(start),
      logins,
    },
    ...{ sessions: sessions.slice(0, loadSize.sessions), renewals: sessions.slice(loadSize.sessions) },
  }
}
