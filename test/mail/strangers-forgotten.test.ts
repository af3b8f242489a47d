import test from 'ava'
import { v7 as uuid } from 'uuid'
import { forgetDropped } from '../../src/mail/forget-dropped.ts'
import { anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const row = async (status: string, age: string): Promise<string> => {
  const id = uuid()
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, locale, status, created_at)
     VALUES ($1, 'verify_email', $2, 'en', $3, now() - $4::interval)`,
    [id, anEmail(), status, age],
  )
  return id
}

test('the address of somebody without an account is forgotten after a day, and nothing else is', async t => {
  const gone = await row('dropped', '25 hours')
  const kept = await Promise.all([
    row('dropped', '23 hours'),
    row('queued', '25 hours'),
    row('failed', '25 hours'),
    row('sent', '25 hours'),
  ])
  await forgetDropped(world.deps)
  const left = await world.sql<{ id: string }>('SELECT id FROM emails')
  t.deepEqual(left.map(({ id }) => id).sort(), [...kept].sort())
  t.false(left.some(({ id }) => id === gone))
})
