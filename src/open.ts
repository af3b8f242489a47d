import type { Deps } from './deps.ts'
import { addKeyGauges } from './features/signing-keys/add-key-gauges.ts'
import { openKeyRing } from './features/signing-keys/open-key-ring.ts'
import { counters, emails, loadEntities, sealedColumns, userRows } from './modules.ts'
import type { Clock } from './platform/base/clock.ts'
import type { Log } from './platform/base/log.ts'
import { passwordPolicy } from './platform/base/password-policy.ts'
import { gauges } from './platform/catalog/metrics.ts'
import type { Config } from './platform/config/config.ts'
import { defaultTimeouts, type Timeouts } from './platform/config/timeouts.ts'
import { hashThreads } from './platform/crypto/hash-threads.ts'
import { onlyFor, openTokenCheck } from './platform/crypto/paseto.ts'
import { type Hasher, openHasher } from './platform/crypto/password.ts'
import { deriveSecrets } from './platform/crypto/secrets.ts'
import { openLimiter } from './platform/limits/limiter.ts'
import { openMailQueue } from './platform/mail/queue.ts'
import { openMetrics } from './platform/metrics/metrics.ts'
import { checkSchema, warnOfLostCommits } from './platform/postgres/check-database.ts'
import { openDatabase, openPostgres, poolOf } from './platform/postgres/postgres.ts'
import { findConnection } from './platform/postgres/postgres-connection.ts'
import { openPreparedReads } from './platform/postgres/prepared-read.ts'
import { openReplicaReader } from './platform/postgres/read-from-replica.ts'
import { redisKeys } from './platform/redis/keys.ts'
import { openRedis, untilRedisReady } from './platform/redis/redis.ts'
import { openTheme } from './platform/theme/theme.ts'

/** Seconds by which the clocks of two instances may differ. The guard has the same default. */
const clockTolerance = 30

/**
 * Opens every connection in order. Disposing closes them in reverse, except those in `shared`. Postgres and its signing keys
 * must be available, but Redis may connect later.
 */
export const open = async (
  config: Config,
  log: Log,
  clock: Clock = { shift: 0 },
  timeouts: Timeouts = defaultTimeouts,
  shared: { hasher?: Hasher } = {},
): Promise<Deps & AsyncDisposable> => {
  await using opened = new AsyncDisposableStack()
  const metrics = openMetrics(config.METRICS_PORT !== undefined, counters)
  const theme = openTheme(config, emails)
  const secrets = deriveSecrets(config.APP_SECRET)
  const keys = redisKeys(config.REDIS_PREFIX)

  const entities = await loadEntities()
  const connection = await findConnection(config.DATABASE_URL, timeouts)
  const database = await openDatabase(connection, { entities, log })
  opened.defer(() => database.destroy())
  const reads = opened.use(openPreparedReads(connection, log))
  await checkSchema(database)
  await warnOfLostCommits(database, log)
  const replicas = config.DATABASE_REPLICA_URLS.map(
    url => () => openPostgres({ url, entities, log, timeouts }),
  )
  const { readFromReplica } = opened.use(openReplicaReader({ database, log, metrics }, replicas))
  const ring = opened.use(await openKeyRing({ config, database, reads, secrets, log }))
  const { PUBLIC_URL: issuer, AUDIENCES } = config
  const audience = [issuer, ...AUDIENCES]
  const checkAnyToken = openTokenCheck({ issuer, audience, clockTolerance, findKey: ring.find })
  const checkToken = onlyFor(issuer, checkAnyToken)
  const offline = { issuer, audience: issuer, clockTolerance, findKey: ring.findLast, maxTokens: 1000 }
  const checkTokenOffline = openTokenCheck(offline)

  const redis = openRedis(config.REDIS_URL, log, timeouts.redisCommand)
  opened.defer(() => redis.disconnect())
  await untilRedisReady(redis, 2000)

  const queue = openMailQueue(redis, keys, log)
  opened.defer(() => queue.close())
  const limiter = openLimiter({ redis, keys, log, metrics }, config.RATE_LIMITS, config.API_PROCESSES)

  const threads = hashThreads(config.API_PROCESSES)
  const hasher =
    shared.hasher ??
    opened.use(openHasher({ cost: config.BCRYPT_COST, threads, timeoutMs: timeouts.hasherThread }))

  addKeyGauges({ metrics, ring, clock, config })
  metrics.gauge(gauges.passwords_waiting, () => hasher.waiting())
  metrics.gauge(gauges.postgres_connections_waited_for, () => poolOf(database).waitingCount)

  const checkPassword = passwordPolicy({
    minLength: config.PASSWORD_MIN_LENGTH,
    require: config.PASSWORD_REQUIRE,
  })

  const all = opened.move()
  return {
    config,
    clock,
    log,
    emails,
    theme,
    metrics,
    secrets,
    database,
    reads,
    readFromReplica,
    redis,
    keys,
    queue,
    limiter,
    ring,
    checkToken,
    checkTokenOffline,
    checkAnyToken,
    hasher,
    checkPassword,
    userRows,
    sealedColumns,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
