import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const refresh = (token: string) => client.post('refresh', { refresh_token: token })
const told = async (userId: string) => ({
  events: (await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId]))
    .length,
  mails: (await sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])).length,
})

// Makes Postgres refuse rows for a table, as a full disk does.
const refuse = async (table: string): Promise<() => Promise<void>> => {
  await sql(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`)
  await sql(`CREATE TRIGGER refuse BEFORE INSERT ON ${table} EXECUTE FUNCTION refuse()`)
  return async () => {
    await sql(`DROP TRIGGER refuse ON ${table}`)
  }
}

for (const table of ['audit_events', 'emails'])
  test.serial(
    `a theft that could not be recorded in ${table} ends the session, and is told the next time`,
    async t => {
      const account = await anAccount(client)
      const second = (await refresh(account.refresh)).body
      const third = (await refresh(second.refresh_token)).body

      const accept = await refuse(table)
      const met = await refresh(account.refresh)
      t.is(met.status, 503)
      t.truthy(met.headers.get('retry-after'))
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.is((await refresh(third.refresh_token)).status, 503)
      t.deepEqual(await told(account.userId), { events: 0, mails: 0 })

      await accept()
      t.is((await refresh(account.refresh)).body.code, 'INVALID_REFRESH_TOKEN')
      t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
      t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
    },
  )

test.serial('after a fault the theft is told by whichever token of the session comes first', async t => {
  const account = await anAccount(client)
  const second = (await refresh(account.refresh)).body
  const third = (await refresh(second.refresh_token)).body
  const accept = await refuse('audit_events')
  t.is((await refresh(account.refresh)).status, 503)
  await accept()
  t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
  t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
})
