import type { EntityManager } from 'typeorm'
import type { Log } from '../base/log.ts'
import { counters } from '../catalog/metrics.ts'
import type { OpenMetrics } from '../metrics/metrics.ts'
import type { Database } from './postgres.ts'
import { retryRead } from './retry-read.ts'

/** Runs reads that may lag behind: on a replica that answers, else on the primary. */
export type ReadFromReplica = <T>(run: (manager: EntityManager) => Promise<T>) => Promise<T>

type Replica = { isUp: () => boolean; run: ReadFromReplica } & AsyncDisposable

/** How long a replica is not used after it failed, in milliseconds. */
const pauseMs = 5000

type Needs = { database: Database; log: Log; metrics: OpenMetrics }

/** Connects at the first read, so that the service starts without the replica. */
const openReplica = (connect: () => Promise<Database>, log: Log): Replica => {
  let opening: Promise<Database> | null = null
  let pausedUntil = 0
  const connected = async (): Promise<Database> => {
    opening ??= connect()
    try {
      return await opening
    } catch (error) {
      opening = null
      throw error
    }
  }
  return {
    isUp: () => performance.now() >= pausedUntil,
    run: async run => {
      try {
        return await run((await connected()).manager)
      } catch (err) {
        // Every error counts: a replica may lack the latest migration.
        pausedUntil = performance.now() + pauseMs
        log.warn({ err }, 'a replica of postgres does not answer')
        throw err
      }
    },
    [Symbol.asyncDispose]: async () => {
      const open = await opening?.catch(() => null)
      await open?.destroy()
    },
  }
}

/** Each of `replicas` connects to one replica. A read that failed there runs again on the primary. */
export const openReplicaReader = (
  { database, log, metrics }: Needs,
  replicas: (() => Promise<Database>)[],
): { readFromReplica: ReadFromReplica } & AsyncDisposable => {
  const all = replicas.map(connect => openReplica(connect, log))
  let turn = 0
  const readFromReplica: ReadFromReplica = async run => {
    const onPrimary = () => retryRead(() => run(database.manager))
    if (all.length === 0) return onPrimary()
    turn++
    const replica = all.map((_, i) => all[(turn + i) % all.length]).find(each => each?.isUp())
    if (replica) {
      const found = await replica.run(run).then(
        value => ({ value }),
        () => null,
      )
      if (found) return found.value
    }
    metrics.count(counters.stale_reads_on_primary)
    return onPrimary()
  }
  return {
    readFromReplica,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map(replica => replica[Symbol.asyncDispose]()))
    },
  }
}
