import { readConfig } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { startSession } from '../../src/features/sessions/start-session.ts'
import { findUser } from '../../src/features/users/store.ts'
import { open } from '../../src/open.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { type Account, inBatches, withClient } from './accounts.ts'

/** What a client holds: an access token, a refresh token, or a cookie. */
export type Session = { access: string; refresh: string; cookie: string }

/** Opens the stores of the service in this process: clients could not write the data as fast. */
export const openDeps = async (env: Record<string, string>): Promise<Deps & AsyncDisposable> => {
  const read = readConfig(env, 'api')
  if ('errors' in read) throw new Error(read.errors.join('\n'))
  return open(read.config, openLog('bench', 'error'))
}

/** Writes accounts whose password has this hash. */
export const addAccounts = (databaseUrl: string, all: Account[], hash: string): Promise<void> =>
  withClient(databaseUrl, client =>
    inBatches(all, 20_000, batch =>
      client.query(
        `INSERT INTO users (id, email, password_hash, full_name, preferred_language, last_login_at)
         SELECT id, email, $3, 'Ada Example', 'en', now() FROM unnest($1::uuid[], $2::text[]) AS p (id, email)`,
        [batch.map(({ id }) => id), batch.map(({ email }) => email), hash],
      ),
    ),
  )

/** Starts a session for each account, as a login does, but without hashing a password. */
export const startSessions = async (deps: Deps, all: Account[]): Promise<Session[]> => {
  const sessions: Session[] = []
  const origin = { ip: '127.0.0.1', userAgent: 'bench/1.0' }
  await inBatches(all, 16, async batch => {
    const begun = await Promise.all(
      batch.map(async ({ id }) => {
        const user = await findUser(deps.reads, id)
        if (!user) throw new Error('an account that was written is missing')
        return startSession(deps, { user, amr: ['pwd'], audience: deps.config.PUBLIC_URL, origin })
      }),
    )
    sessions.push(
      ...begun.map(({ access_token: access, refresh_token: refresh = '' }) => ({
        access,
        refresh,
        cookie: '',
      })),
    )
  })
  return sessions
}
