import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { openLog } from '../../src/platform/base/log.ts'
import { addEmailJobs, openMailQueue } from '../../src/platform/mail/queue.ts'
import { redisKeys } from '../../src/platform/redis/keys.ts'
import { askPostgres, askRedis, connectPostgres } from './ask-store.ts'
import type { MailServer } from './mail-server.ts'
import type { OwnServer } from './servers.ts'
import type { ServiceProcess } from './service-process.ts'

// The faults of a soak, and those that fault tests share with it. Each begins, lasts for as long as `hold`, and ends.

export type System = {
  postgres: OwnServer
  redis: OwnServer
  mail: MailServer
  apis: ServiceProcess[]
  workers: ServiceProcess[]
  /** Sends one more cheap request. */
  sendRequest: () => Promise<unknown>
}

/** Waits while the fault lasts. The time is known beforehand, for stores that end the fault themselves. */
export type Hold = (() => Promise<void>) & { milliseconds: number }

export const first = <T>(list: T[]): T => {
  const [found] = list
  if (!found) throw new Error('the list is empty')
  return found
}

const during = async (begin: () => unknown, hold: Hold, end: () => unknown): Promise<void> => {
  await begin()
  try {
    await hold()
  } finally {
    await end()
  }
}

export const stopServer = (server: OwnServer, how: 'clean' | 'immediate', hold: Hold): Promise<void> =>
  during(() => server.stop(how), hold, server.start)

export const pause = (target: Pick<OwnServer, 'pause' | 'resume'>, hold: Hold): Promise<void> =>
  during(target.pause, hold, target.resume)

export const killProcess = (process: ServiceProcess, hold: Hold): Promise<void> =>
  during(process.kill, hold, process.start)

/** Stops and starts each API process in turn under extra load: at a few requests a second, every one might be lucky. */
export const rollingRestart = async ({ apis, sendRequest }: System): Promise<void> => {
  const over = new AbortController()
  const keepSending = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await sendRequest()
      await sleep(20)
    }
  }
  const extra = Array.from({ length: 8 }, keepSending)
  try {
    for (const process of apis) {
      await process.stop()
      await process.start()
    }
  } finally {
    over.abort()
    await Promise.all(extra)
  }
}

export const redisWithoutMemory = ({ redis: { url } }: System, hold: Hold): Promise<void> =>
  askRedis(url, redis =>
    during(
      () => redis.config('SET', 'maxmemory', '1'),
      hold,
      () => redis.config('SET', 'maxmemory', '0'),
    ),
  )

/** Locks the users table, like a migration that hangs. Returns what releases it. */
export const lockUsers = async (databaseUrl: string): Promise<() => Promise<void>> => {
  const client = await connectPostgres(databaseUrl)
  await client.query('BEGIN')
  await client.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  return () => client.end()
}

export const lockedUsers = async ({ postgres: { url } }: System, hold: Hold): Promise<void> => {
  const release = await lockUsers(url)
  await hold().finally(release)
}

/** Ends every connection of clients to Postgres but the one that runs this. */
export const terminateConnections = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

/** Adds ten jobs for each of the newest 100 emails, sent or being sent. */
export const duplicateJobs = async ({ postgres, redis: { url } }: System, hold: Hold): Promise<void> => {
  const newest = 'SELECT id FROM emails ORDER BY created_at DESC LIMIT 100'
  const rows = await askPostgres<{ id: string }>(postgres.url, newest)
  const redis = new Redis(url)
  const queue = openMailQueue(redis, redisKeys('lk'), openLog('soak', 'silent'))
  try {
    const ids = rows.map(({ id }) => id)
    await Promise.all(Array.from({ length: 10 }, () => addEmailJobs(queue, ids)))
    await hold()
  } finally {
    await queue.close()
    redis.disconnect()
  }
}

export const mailStopped = ({ mail }: System, hold: Hold): Promise<void> =>
  during(mail.stop, hold, mail.start)

/** The mail server answers 451 (try again later) to every email. */
export const mailRefused = ({ mail }: System, hold: Hold): Promise<void> =>
  during(
    () => mail.answer({ message: 'try later', responseCode: 451 }),
    hold,
    () => mail.answer(null),
  )

export const mailSilent = ({ mail }: System, hold: Hold): Promise<void> =>
  during(
    () => mail.tarpit(true),
    hold,
    () => mail.tarpit(false),
  )
