import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { queryOnce } from '../src/dev-services/probe.ts'
import { openLog } from '../src/platform/base/log.ts'
import { addMails, openMailQueue } from '../src/platform/mail/queue.ts'
import { redisKeys } from '../src/platform/redis/keys.ts'
import type { Mail } from './soak-mail.ts'
import type { Process } from './soak-processes.ts'
import { askRedis, type Store } from './soak-servers.ts'

export type Place = {
  postgres: Store
  redis: Store
  mail: Mail
  apis: Process[]
  workers: Process[]
  /** One more request, cheap. */
  press: () => Promise<unknown>
}

/** Waits for as long as the fault is to last, which is known beforehand where a store ends it by itself. */
export type Hold = (() => Promise<void>) & { milliseconds: number }

export const first = <T>(list: T[]): T => {
  const [found] = list
  if (!found) throw new Error('there is none')
  return found
}

export const stopped = async (store: Store, hold: Hold): Promise<void> => {
  await store.stop()
  try {
    await hold()
  } finally {
    await store.start()
  }
}

export const restarted = async (process: Process, hold: Hold): Promise<void> => {
  await process.kill()
  try {
    await hold()
  } finally {
    await process.start()
  }
}

const keepPressing = async (press: Place['press'], signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await press()
    await sleep(20)
  }
}

/** Ends and starts each in turn, while more is on its way than usual: a few requests of a second might all be lucky. */
export const rollOver = async ({ apis, press }: Place): Promise<void> => {
  const over = new AbortController()
  const crowd = Array.from({ length: 8 }, () => keepPressing(press, over.signal))
  try {
    for (const process of apis) {
      await process.stop()
      await process.start()
    }
  } finally {
    over.abort()
    await Promise.all(crowd)
  }
}

export const outOfMemory = ({ redis: { url } }: Place, hold: Hold): Promise<void> =>
  askRedis(url, async redis => {
    await redis.config('SET', 'maxmemory', '1')
    try {
      await hold()
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
  })

export const locked = async ({ postgres: { url } }: Place, hold: Hold): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
    await hold()
  } finally {
    await client.end()
  }
}

export const disconnectAll = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

/** Jobs for mails that were sent or are being sent, ten times each. */
export const duplicateJobs = async ({ postgres, redis: { url } }: Place, hold: Hold): Promise<void> => {
  const rows = await queryOnce(postgres.url, 'SELECT id FROM emails ORDER BY created_at DESC LIMIT 100')
  const redis = new Redis(url)
  const queue = openMailQueue(redis, redisKeys('lk'), openLog('soak', 'silent'))
  try {
    const ids = (rows as { id: string }[]).map(({ id }) => id)
    await Promise.all(Array.from({ length: 10 }, () => addMails(queue, ids)))
    await hold()
  } finally {
    await queue.close()
    redis.disconnect()
  }
}

export const mailStopped = async ({ mail }: Place, hold: Hold): Promise<void> => {
  await mail.stop()
  try {
    await hold()
  } finally {
    await mail.start()
  }
}

export const misbehaving = async (set: (bad: boolean) => void, hold: Hold): Promise<void> => {
  set(true)
  try {
    await hold()
  } finally {
    set(false)
  }
}
