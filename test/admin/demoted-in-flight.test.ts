import test from 'ava'
import pg from 'pg'
import { anAccount } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

// A request that was admitted may wait for a lock while its sender stops being an administrator.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const waiting = async (): Promise<boolean> =>
  (
    await world.sql(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
  ).length > 0

for (const act of ['change', 'remove'] as const)
  test.serial(`who is demoted while the request waits may not ${act} anybody any more`, async t => {
    const [ada] = [await anAdmin(world), await anAdmin(world)]
    const pal = await anAccount(world.client)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [pal.userId])
    const holder = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await holder.connect()
    try {
      await holder.query('BEGIN')
      await holder.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [ada.userId])
      const acts = actsOf(world.client, ada.access)
      const asked =
        act === 'change' ? acts.change(pal.userId, { roles: ['user', 'admin'] }) : acts.remove(pal.userId)
      await until('the request to wait', waiting)
      await holder.query(`UPDATE users SET roles = '{user}' WHERE id = $1`, [ada.userId])
      await holder.query('COMMIT')
      const reply = await asked
      t.is(reply.status, 403)
      t.is(reply.body.code, 'FORBIDDEN')
    } finally {
      await holder.end()
    }
    const [row] = await world.sql<{ roles: string[]; erase_after: Date | null }>(
      'SELECT roles, erase_after FROM users WHERE id = $1',
      [pal.userId],
    )
    t.deepEqual(row, { roles: ['user'], erase_after: null })
  })
