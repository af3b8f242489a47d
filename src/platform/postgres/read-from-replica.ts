import type { EntityManager } from 'typeorm'
import type { Log } from '../base/log.ts'
import type { OpenMetrics } from '../metrics/metrics.ts'
import type { Database } from './postgres.ts'
import { retryRead } from './retry-read.ts'

/** Runs reads that may lag behind by as much as a replica does: on one that answers, else on the primary. */
export type ReadFromReplica = <T>(run: (manager: EntityManager) => Promise<T>) => Promise<T>

type Replica = { isUp: () => boolean; run: ReadFromReplica } & AsyncDisposable

/** For how long a replica that failed is left alone, in milliseconds. */
const restFor = 5000

type Needs = { database: Database; log: Log; metrics: OpenMetrics }

/** Connects when it is first asked: a replica that is not there keeps nobody from starting. */
const openReplica = (connect: () => Promise<Database>, log: Log): Replica => {
  let opening: Promise<Database> | null = null
  let restsUntil = 0
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
    isUp: () => performance.now() >= restsUntil,
    run: async run => {
      try {
        return await run((await connected()).manager)
      } catch (err) {
        // One that lacks a migration yet is no help either.
        restsUntil = performance.now() + restFor
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

/** `replicas` connect to one each. A read is repeated where it may be: on the primary, or once after a lost connection. */
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
      const answer = await replica.run(run).then(
        value => ({ value }),
        () => null,
      )
      if (answer) return answer.value
    }
    metrics.count('stale_reads_on_primary')
    return onPrimary()
  }
  return {
    readFromReplica,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map(replica => replica[Symbol.asyncDispose]()))
    },
  }
}
