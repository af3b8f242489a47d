import { readFile } from 'node:fs/promises'
import { type Account, inBatches, password, withClient } from './accounts.ts'
import type { Session } from './latchkey-data.ts'

/** Creates the tables of the hand-written services. */
export const makeTables = async (databaseUrl: string): Promise<void> => {
  const sql = await readFile(new URL('../peers/accounts.sql', import.meta.url), 'utf8')
  await withClient(databaseUrl, client => client.query(sql))
}

/** Writes accounts whose password has this hash into the tables of the hand-written services. */
export const addToTables = (databaseUrl: string, all: Account[], hash: string): Promise<void> =>
  withClient(databaseUrl, async client => {
    await client.query(
      `INSERT INTO users (id, email, password_hash, full_name, preferred_language, last_login_at)
       SELECT id, email, $3, 'Ada Example', 'en', now() FROM unnest($1::uuid[], $2::text[]) AS p (id, email)`,
      [all.map(({ id }) => id), all.map(({ email }) => email), hash],
    )
  })

/** The same for Better Auth. */
export const addToBetterAuth = (databaseUrl: string, all: Account[], hash: string): Promise<void> =>
  withClient(databaseUrl, async client => {
    const [ids, emails] = [all.map(({ id }) => id), all.map(({ email }) => email)]
    await client.query(
      `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
       SELECT id, 'Ada Example', email, false, now(), now() FROM unnest($1::text[], $2::text[]) AS p (id, email)`,
      [ids, emails],
    )
    await client.query(
      `INSERT INTO account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")
       SELECT 'a-' || id, id, 'credential', id, $2, now(), now() FROM unnest($1::text[]) AS p (id)`,
      [ids, hash],
    )
  })

/** Signs in with each account over HTTP, as a client does. */
export const signIn = async (url: string, path: string, all: Account[]): Promise<Session[]> => {
  const sessions: Session[] = []
  await inBatches(all, 16, async batch => {
    const begun = await Promise.all(
      batch.map(async ({ email }): Promise<Session> => {
        const reply = await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', origin: url },
          body: JSON.stringify({ email, password }),
        })
        const text = await reply.text()
        if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${text}`)
        const { access_token: access = '', refresh_token: refresh = '' } = JSON.parse(text)
        const cookie = reply.headers.getSetCookie().map(each => each.split(';')[0])
        return { access, refresh, cookie: cookie.join('; ') }
      }),
    )
    sessions.push(...begun)
  })
  return sessions
}
