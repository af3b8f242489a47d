import test from 'ava'
import { isOutage, storeOf } from '../../../src/platform/base/store-errors.ts'

const error = (message: string, more: object = {}) => Object.assign(new Error(message), more)

const faults: [what: string, error: unknown, store: ReturnType<typeof storeOf>][] = [
  ['a cluster without its nodes', error("Cluster isn't ready"), 'redis'],
  ['a cluster that has ended', error('Cluster is ended'), 'redis'],
  ['slots that nobody tells', error('Failed to refresh slots cache.'), 'redis'],
  ['a slot that moves for ever', error('Too many Cluster redirections. Last error: MOVED'), 'redis'],
  ['sentinels that are gone', error('All sentinels are unreachable. Retrying'), 'redis'],
  ['a command that took too long', error('Command timed out'), 'redis'],
  ['a connection of Redis that is shut', error("Stream isn't writeable and enableOfflineQueue"), 'redis'],
  ['a replica that was a master', error("READONLY You can't write against a read only replica."), 'redis'],
  ['a Redis without memory', error("OOM command not allowed when used memory > 'maxmemory'."), 'redis'],
  [
    'a command that Redis permits no longer',
    error("NOPERM this user has no permissions to run 'get'"),
    'redis',
  ],
  [
    'a command of a script that Redis 7.0 does not permit',
    error("ERR The user executing the script can't run this command or subcommand"),
    'redis',
  ],
  [
    'a command of a script that Redis 8 does not permit',
    error('ERR ACL failure in script: User app has no permissions'),
    'redis',
  ],
  ['a password that Redis refuses', error('WRONGPASS invalid username-password pair'), 'redis'],
  [
    'a Redis that refuses its port',
    error('connect', { code: 'ECONNREFUSED', command: { name: 'get' } }),
    'redis',
  ],
  ['a pool that is used up', error('too many wait', { code: 'ERR_POOL_BUSY' }), 'postgres'],
  ['a connection that never came', error('timeout exceeded when trying to connect'), 'postgres'],
  ['a Postgres that shuts down', error('terminating connection', { code: '57P01' }), 'postgres'],
  ['a lock that is held', error('canceling statement due to lock timeout', { code: '55P03' }), 'postgres'],
  ['a transaction that took too long', error('terminating connection', { code: '25P04' }), 'postgres'],
  ['a disk that is full', error('could not extend file', { code: '53100' }), 'postgres'],
  [
    'a transaction that lost its connection',
    error('released', { name: 'QueryRunnerProviderAlreadyReleasedError' }),
    'postgres',
  ],
  ['a fault in the cause', error('query failed', { cause: error('x', { code: '57P03' }) }), 'postgres'],
  ['hash threads that are busy', error('too many passwords', { code: 'ERR_HASHER_BUSY' }), 'passwords'],
]
for (const [what, fault, store] of faults)
  test(`${what} is a fault, and of ${store}`, t => {
    t.true(isOutage(fault))
    t.is(storeOf(fault), store)
  })

const ours: [what: string, error: unknown][] = [
  ['a statement that is wrong', error('syntax error', { code: '42601' })],
  ['a duplicate', error('duplicate key value', { code: '23505' })],
  ['a script that is wrong', error('ERR Error running script')],
  ['a mistake of the code', new TypeError('x is not a function')],
  ['what is no error', 'READONLY'],
]
for (const [what, thrown] of ours) test(`${what} is no fault of a store`, t => t.false(isOutage(thrown)))
