import { globSync } from 'node:fs'
import { join, relative } from 'node:path'

// AVA starts test files in this order.

const root = join(import.meta.dirname, '..')

/** The files that take longest. One that started last would run alone at the end, while a processor is idle. */
export const longFiles = [
  'contract/fuzz',
  'integration/http/bad-input',
  'integration/login/equal-time',
  'contract/openapi',
  'integration/lockout/wait-after-wrong-passwords',
  'browser/client-tabs',
  'cluster/redis.sentinel',
  'fault/change-keys-and-secret.under-load',
  'fault/signing-keys',
  'cluster/redis.acl',
  'fault/mail/close-without-redis',
  'cluster/redis.cluster',
  'fault/postgres/replicas',
  'fault/worker.killed',
  'cluster/redis.tls',
  'fault/smtp.tarpit',
  'fault/sessions/redis-outage',
].map(name => `test/${name}.test.ts`)

const rankOf = (path: string): number =>
  longFiles.includes(path) ? longFiles.indexOf(path) : longFiles.length

// The files that break Redis take turns, and so do those that break Postgres (`takeTurn` in fault-world.ts). Side by side
// in the order, they would only wait for each other. So they are spread evenly among the files that need no turn.
const groupOf = (path: string): string =>
  /^test\/fault\/(redis|postgres)\./.exec(path)?.[1] ??
  (/^test\/(fault|cluster|browser)\//.test(path) ? 'without turns' : 'quick')

/** The place of each test file in its group, from 0 to 1. */
const places = new Map<string, number>()
const paths = globSync('test/**/*.test.ts', { cwd: root }).sort()
for (const group of Map.groupBy(paths, groupOf).values()) {
  group.sort((a, b) => rankOf(a) - rankOf(b))
  for (const [i, path] of group.entries()) places.set(path, (i + 0.5) / group.length)
}

const placeOf = (path: string): number => places.get(relative(root, path)) ?? 1

/** Compares the full paths of two test files. */
export const compareTestFiles = (a: string, b: string): number => placeOf(a) - placeOf(b)
