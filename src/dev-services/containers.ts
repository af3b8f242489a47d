import { randomBytes } from 'node:crypto'
import type { GenericContainer } from 'testcontainers'
import type { Purpose } from './data-dir.ts'
import { testPostgresOptions } from './private-postgres.ts'
import { redisConfig } from './private-redis.ts'
import { probePostgres, probeRedis } from './probe.ts'
import { type Server, untilServerReady } from './server-process.ts'

// Docker publishes a port on every address of the machine, so these servers require a password too.

const postgresImage = 'postgres:17-alpine'
const redisImage = 'redis:8-alpine'

const newPassword = (): string => randomBytes(24).toString('base64url')

const startContainer = async (
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
  await untilServerReady(image, () => probe(url))
  const resources = stack.move()
  return {
    url,
    description: `container ${image}, removed at the end`,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Starts Postgres in a container. The URL holds its superuser and the database `latchkey`. */
export const startPostgresContainer = (purpose: Purpose): Promise<Server> => {
  const password = newPassword()
  return startContainer(
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
  return startContainer(
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
