// What a store's own failure looks like, as opposed to a fault of ours. Such a failure is answered with
// 503 and never with 401: a client would throw away a good session.

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

// https://www.postgresql.org/docs/current/errcodes-appendix.html: 08 connection, 53 resources, 57 operator
// intervention (57014 is a statement timeout), 40 serialization and deadlock, 55P03 lock timeout, 25006
// read-only after a failover, 58 disk.
const postgresCodes = /^(?:08...|53...|57...|58...|40001|40P01|55P03|25006|25P0[34])$/

// node-postgres and TypeORM mark these by their words alone, ioredis those.
const postgresWords =
  /^(?:timeout exceeded when trying to connect|timeout expired|Query read timeout|Connection terminated|Client has encountered a connection error|Driver not Connected)/
const redisWords =
  /^(?:Command timed out|Command aborted due to connection close|Connection is closed|Stream isn't writeable|Connection is not established|Cluster isn't ready|Cluster is ended|None of startup nodes is available|Failed to refresh slots cache|Too many Cluster redirections|All sentinels are unreachable|(?:ERR )?Script attempted to access a non local key|(?:LOADING|READONLY|OOM|MISCONF|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|NOREPLICAS|BUSY|NOPERM|NOAUTH|WRONGPASS) ?)/
const redisNames = /^(?:MaxRetriesPerRequestError|ClusterAllFailedError)$/

const ownCodes = /^ERR_(?:HASHER_BUSY|HASHER_FAILED|POOL_BUSY)$/

// Outside a script, within one by Redis 7.0, and within one by later versions.
const refusals =
  /^(?:NOPERM|ERR The user executing the script can't|ERR unknown command|ERR Unknown Redis command|ERR ACL failure in script)/i

/** True where Redis refuses a command or a key to this user: waiting does not help. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && refusals.test(error.message)

/** True where a store or the hash pool could not serve: worth another try later. */
export const isOutage = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    ownCodes.test(code) ||
    networkCodes.has(code) ||
    postgresCodes.test(code) ||
    redisNames.test(error.name) ||
    // TypeORM, of a transaction whose connection broke between two statements.
    /^QueryRunner(?:Provider)?AlreadyReleasedError$/.test(error.name) ||
    postgresWords.test(error.message) ||
    redisWords.test(error.message) ||
    isRefusal(error) ||
    isOutage(error.cause)
  )
}

const droppedCodes = /^(?:08...|57P0.|ECONNRESET|EPIPE)$/

/** True where Postgres, or the way to it, ended a connection: the next one may do. */
export const isConnectionLost = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const words = /^(?:Connection terminated(?: unexpectedly)?|Client has encountered a connection error.*)$/
  return droppedCodes.test(code) || words.test(error.message) || isConnectionLost(error.cause)
}

/** True where too many came at once, and nothing is broken: what limits are for. */
export const isOverload = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^ERR_(?:HASHER|POOL)_BUSY$/.test(String(error.code))

/** What did not serve, for those who watch. */
export const storeOf = (error: unknown): 'postgres' | 'redis' | 'passwords' => {
  if (!(error instanceof Error)) return 'postgres'
  const { code, name, message, command } = error as Error & { code?: unknown; command?: unknown }
  if (typeof code === 'string' && code.startsWith('ERR_HASHER_')) return 'passwords'
  const ofRedis =
    command !== undefined || isRefusal(error) || redisWords.test(message) || redisNames.test(name)
  return ofRedis ? 'redis' : 'postgres'
}

/** True where an insert or update met the named unique constraint (SQLSTATE 23505). */
export const isDuplicate = (error: unknown, constraint: string): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === '23505' &&
  'constraint' in error &&
  error.constraint === constraint
