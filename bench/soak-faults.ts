import { queryOnce } from '../src/dev-services/probe.ts'
import { whileFrozen } from './soak-processes.ts'
import { askRedis } from './soak-servers.ts'
import {
  disconnectAll,
  duplicateJobs,
  first,
  type Hold,
  locked,
  mailStopped,
  misbehaving,
  outOfMemory,
  type Place,
  restarted,
  rollOver,
  stopped,
} from './soak-strikes.ts'

export type Fault = {
  name: string
  title: string
  seconds: number
  /** No request may fail by it. */
  unfelt?: boolean
  /** Strikes, holds, heals. */
  strike: (place: Place, hold: Hold) => Promise<void>
}

const line = (
  name: string,
  title: string,
  seconds: number,
  strike: Fault['strike'],
  unfelt = false,
): Fault => ({
  ...{ name, title, seconds, strike, unfelt },
})

/** Every fault, in the order of the course. What ends processes comes first, so that the others are met by old ones. */
export const faults: Fault[] = [
  line('api-killed', 'API killed, started again', 3, ({ apis }, hold) => restarted(first(apis), hold)),
  line('rolling-restart', 'both API restarted in turn', 0, rollOver, true),
  line(
    'worker-killed',
    'worker killed, started again',
    3,
    ({ workers }, hold) => restarted(first(workers), hold),
    true,
  ),
  line(
    'script-flush',
    'Redis: SCRIPT FLUSH',
    0,
    async ({ redis }) => void (await askRedis(redis.url, each => each.script('FLUSH'))),
    true,
  ),
  line(
    'redis-kill',
    'Redis: CLIENT KILL, all',
    0,
    async ({ redis }) => void (await askRedis(redis.url, each => each.client('KILL', 'TYPE', 'normal'))),
  ),
  line('redis-pause', 'Redis: CLIENT PAUSE', 3, async ({ redis }, hold) => {
    await askRedis(redis.url, each => each.client('PAUSE', hold.milliseconds, 'ALL'))
    await hold()
  }),
  line('redis-frozen', 'Redis: SIGSTOP', 5, ({ redis }, hold) => whileFrozen(redis.pids, hold)),
  line('redis-full', 'Redis: out of memory', 6, outOfMemory),
  line('redis-stopped', 'Redis stopped, started again', 10, ({ redis }, hold) => stopped(redis, hold)),
  line('mail-451', 'mail server answers 451', 15, ({ mail }, hold) => misbehaving(mail.refuse, hold), true),
  line(
    'mail-tarpit',
    'mail server falls silent',
    20,
    ({ mail }, hold) => misbehaving(mail.tarpit, hold),
    true,
  ),
  line('mail-stopped', 'mail server stopped', 30, mailStopped, true),
  line(
    'worker-frozen',
    'worker: SIGSTOP',
    10,
    ({ workers }, hold) => whileFrozen(first(workers).pids, hold),
    true,
  ),
  line('duplicate-jobs', 'ten jobs for each mail', 1, duplicateJobs, true),
  line(
    'postgres-kill',
    'Postgres: all connections ended',
    0,
    async ({ postgres }) => void (await queryOnce(postgres.url, disconnectAll)),
  ),
  line('postgres-locked', 'Postgres: a lock on users', 5, locked),
  line('postgres-frozen', 'Postgres: SIGSTOP', 5, ({ postgres }, hold) => whileFrozen(postgres.pids, hold)),
  line('postgres-stopped', 'Postgres stopped at once, started again', 10, ({ postgres }, hold) =>
    stopped(postgres, hold),
  ),
]
