import { type Timeouts, defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openScriptedSmtp } from '../../scripted-smtp.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'

// A worker that delivers to a mail server with scripted replies. The timeouts of the worker are settings.

await compileAll(plainTheme, ['en'])

type Row = {
  id: string
  status: string
  attempts: number
  last_error: string | null
  sends_unanswered: number
  held_for: number | null
}

export const openScriptedDelivery = async () => {
  const smtp = await openScriptedSmtp()
  const world = await openLocalWorld({ singleRedis: true, env: { SMTP_URL: smtp.url } })
  const rowOf = async (email: string): Promise<Row> => {
    const [row] = await world.sql<Row>(
      `SELECT *, extract(epoch FROM held_until - now())::float AS held_for FROM emails WHERE recipient = $1`,
      [email],
    )
    if (!row) throw new Error('the row is missing')
    return row
  }
  const rowOnce = (email: string, is: (row: Row) => boolean) =>
    until(`a row to ${email}`, async () => {
      const row = await rowOf(email)
      return is(row) && row
    })
  const sent = (email: string) => rowOnce(email, ({ status }) => status === 'sent')
  const contentsOf = ({ id }: Row) => smtp.contents.filter(each => each.includes(id)).length
  /** Starts a worker with the timeouts of production, but for those that a test changes. */
  const workerOf = (changed: Partial<Timeouts> = {}) => startWorker(world.deps, { ...timeouts, ...changed })
  const close = async () => {
    await world[Symbol.asyncDispose]()
    await smtp[Symbol.asyncDispose]()
  }
  return { smtp, world, rowOf, rowOnce, sent, contentsOf, workerOf, close }
}
