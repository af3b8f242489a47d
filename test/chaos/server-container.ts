import { randomBytes } from 'node:crypto'
import type { GenericContainer } from 'testcontainers'
import { redisConfig } from '../../src/dev-services/private-redis.ts'
import { probePostgres, probeRedis } from '../../src/dev-services/probe.ts'
import { untilServerReady } from '../../src/dev-services/server-process.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import type { OwnServer } from './servers.ts'

type Image = {
  image: string
  /** Inside the container. */
  port: number
  configure: (container: GenericContainer) => GenericContainer
  urlOf: (address: string) => string
  probe: (url: string) => Promise<void>
  signals: { clean: string; immediate: string }
}

/** Starts a server in a container. Its port on the machine stays the same after a restart. */
const openContainer = ({ image, port, configure, urlOf, probe, signals }: Image): Promise<OwnServer> =>
  onFreePort(undefined, async host => {
    const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
    await using opening = new AsyncDisposableStack()
    const container = await configure(new GenericContainer(image))
      .withExposedPorts({ container: port, host })
      .start()
    opening.defer(async () => {
      await container.stop()
    })
    const url = urlOf(`${container.getHost()}:${host}`)
    const ready = () => untilServerReady(image, () => probe(url))
    await ready()
    const docker = (await getContainerRuntimeClient()).container.dockerode.getContainer(container.getId())
    const inspected = await docker.inspect()
    const [network] = Object.values(inspected.NetworkSettings.Networks)

    const end = async (signal: string) => {
      await docker.kill({ signal })
      await docker.wait()
    }
    const resume = async () => {
      if ((await docker.inspect()).State.Paused) await docker.unpause()
    }
    const kept = opening.move()
    kept.defer(resume)
    return {
      url,
      peer: { host: network?.IPAddress ?? '', port },
      stop: (how = 'clean') => end(signals[how]),
      kill: () => end('SIGKILL'),
      start: async () => {
        if (!(await docker.inspect()).State.Running) await docker.start()
        await ready()
      },
      pause: async () => {
        await docker.pause()
      },
      resume,
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    }
  })

const newPassword = (): string => randomBytes(24).toString('base64url')

export const openPostgresContainer = (options: string[]): Promise<OwnServer> => {
  const password = newPassword()
  return openContainer({
    image: 'postgres:17-alpine',
    port: 5432,
    configure: container =>
      container
        .withEnvironment({ POSTGRES_USER: 'latchkey', POSTGRES_PASSWORD: password })
        .withCommand(['postgres', ...options]),
    urlOf: address => `postgres://latchkey:${password}@${address}/postgres`,
    probe: probePostgres,
    signals: { clean: 'SIGINT', immediate: 'SIGQUIT' },
  })
}

export const openRedisContainer = (): Promise<OwnServer> => {
  const password = newPassword()
  const target = '/etc/latchkey-redis.conf'
  return openContainer({
    image: 'redis:8-alpine',
    port: 6379,
    configure: container =>
      container
        .withCopyContentToContainer([{ content: redisConfig(password, true), target, mode: 0o644 }])
        .withCommand(['redis-server', target]),
    urlOf: address => `redis://:${password}@${address}`,
    probe: probeRedis,
    signals: { clean: 'SIGTERM', immediate: 'SIGKILL' },
  })
}
