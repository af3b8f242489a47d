import test from 'ava'
import { isOutage, storeOf } from '../../../src/platform/base/store-errors.ts'

const error = (message: string, more: object = {}) => Object.assign(new Error(message), more)

const outages: [what: string, error: unknown, store: ReturnType<typeof storeOf>][] = [
  ['a Redis Cluster without its nodes', error("Cluster isn't ready"), 'redis'],
  ['a closed Redis Cluster', error('Cluster is ended'), 'redis'],
  ['a failed refresh of the slots', error('Failed to refresh slots cache.'), 'redis'],
  [
    'endless redirections to another slot',
    error('Too many Cluster redirections. Last error: MOVED'),
    'redis',
  ],
  ['unreachable sentinels', error('All sentinels are unreachable. Retrying'), 'redis'],
  ['a Redis command that timed out', error('Command timed out'), 'redis'],
  ['a closed Redis connection', error("Stream isn't writeable and enableOfflineQueue"), 'redis'],
  [
    'a former master that is now a replica',
    error("READONLY You can't write against a read only replica."),
    'redis',
  ],
  ['a Redis out of memory', error("OOM command not allowed when used memory > 'maxmemory'."), 'redis'],
  [
    'a command that the Redis ACL refuses',
    error("NOPERM this user has no permissions to run 'get'"),
    'redis',
  ],
  [
    'a script command that the ACL of Redis 7.0 refuses',
    error("ERR The user executing the script can't run this command or subcommand"),
    'redis',
  ],
  [
    'a script command that the ACL of Redis 8 refuses',
    error('ERR ACL failure in script: User app has no permissions'),
    'redis',
  ],
  ['a wrong Redis password', error('WRONGPASS invalid username-password pair'), 'redis'],
  [
    'a refused connection to Redis',
    error('connect', { code: 'ECONNREFUSED', command: { name: 'get' } }),
    'redis',
  ],
  ['an exhausted pool', error('too many wait', { code: 'ERR_POOL_BUSY' }), 'postgres'],
  ['a connection timeout', error('timeout exceeded when trying to connect'), 'postgres'],
  ['a Postgres that shuts down', error('terminating connection', { code: '57P01' }), 'postgres'],
  ['a lock timeout', error('canceling statement due to lock timeout', { code: '55P03' }), 'postgres'],
  ['a transaction timeout', error('terminating connection', { code: '25P04' }), 'postgres'],
  ['a full disk', error('could not extend file', { code: '53100' }), 'postgres'],
  [
    'a transaction that lost its connection',
    error('released', { name: 'QueryRunnerProviderAlreadyReleasedError' }),
    'postgres',
  ],
  [
    'an outage as the cause of another error',
    error('query failed', { cause: error('x', { code: '57P03' }) }),
    'postgres',
  ],
  ['busy hash threads', error('too many passwords', { code: 'ERR_HASHER_BUSY' }), 'passwords'],
]
for (const [what, outage, store] of outages)
  test(`${what} → an outage of ${store}`, t => {
    t.true(isOutage(outage))
    t.is(storeOf(outage), store)
  })

const otherErrors: [what: string, error: unknown][] = [
  ['a wrong SQL statement', error('syntax error', { code: '42601' })],
  ['a duplicate key', error('duplicate key value', { code: '23505' })],
  ['a wrong Redis script', error('ERR Error running script')],
  ['a programming error', new TypeError('x is not a function')],
  ['a thrown string', 'READONLY'],
]
for (const [what, thrown] of otherErrors)
  test(`${what} → not an outage of a store`, t => t.false(isOutage(thrown)))
