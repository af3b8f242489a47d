import { randomBytes } from 'node:crypto'
import type { GenericContainer } from 'testcontainers'
import { type Server, untilReady } from './child.ts'
import type { Purpose } from './data-dir.ts'
import { testPostgresOptions } from './private-postgres.ts'
import { redisConfig } from './private-redis.ts'
import { probePostgres, probeRedis } from './probe.ts'

// A published port listens on every address of the machine: so these servers too ask for a password.

const postgresImage = 'postgres:17-alpine'
const redisImage = 'redis:8-alpine'

const newPassword = (): string => randomBytes(24).toString('base64url')

const started = async (
  image: string,
  port: number,
  configure: (container: GenericContainer) => GenericContainer,
  urlOf: (address: string) => string,
  probe: (url: string) => Promise<void>,
): Promise<Server> => {
  const { GenericContainer, Wait } = await import('testcontainers')
  await using stack = new AsyncDisposableStack()
  const container = await configure(new GenericContainer(image))
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/i))
    .start()
  stack.defer(async () => {
    await container.stop()
  })
  const url = urlOf(`${container.getHost()}:${container.getMappedPort(port)}`)
  await untilReady(image, () => probe(url))
  const kept = stack.move()
  return {
    url,
    how: `container ${image}, thrown away at the end`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Starts Postgres in a container. The url names the database `latchkey` and its superuser. */
export const startPostgresContainer = (purpose: Purpose): Promise<Server> => {
  const password = newPassword()
  return started(
    postgresImage,
    5432,
    container =>
      container
        .withTmpFs(purpose === 'test' ? { '/var/lib/postgresql/data': 'rw' } : {})
        .withEnvironment({ POSTGRES_USER: 'latchkey', POSTGRES_DB: 'latchkey', POSTGRES_PASSWORD: password })
        .withCommand(['postgres', ...(purpose === 'test' ? testPostgresOptions : [])]),
    address => `postgres://latchkey:${password}@${address}/latchkey`,
    probePostgres,
  )
}

/** Starts Redis in a container. */
export const startRedisContainer = (): Promise<Server> => {
  const password = newPassword()
  const target = '/etc/latchkey-redis.conf'
  return started(
    redisImage,
    6379,
    container =>
      container
        .withCopyContentToContainer([{ content: redisConfig(password, false), target, mode: 0o644 }])
        .withCommand(['redis-server', target]),
    address => `redis://:${password}@${address}`,
    probeRedis,
  )
}
