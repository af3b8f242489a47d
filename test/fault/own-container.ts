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

/** A server in a container whose port on the machine stays the same when it is started again. */
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
    const engine = (await getContainerRuntimeClient()).container.dockerode.getContainer(container.getId())
    const inspected = await engine.inspect()
    const [network] = Object.values(inspected.NetworkSettings.Networks)

    const strike = async (signal: string) => {
      await engine.kill({ signal })
      await engine.wait()
    }
    const resume = async () => {
      if ((await engine.inspect()).State.Paused) await engine.unpause()
    }
    const kept = opening.move()
    kept.defer(resume)
    return {
      url,
      peer: { host: network?.IPAddress ?? '', port },
      stop: (how = 'clean') => strike(signals[how]),
      kill: () => strike('SIGKILL'),
      start: async () => {
        if (!(await engine.inspect()).State.Running) await engine.start()
        await ready()
      },
      pause: async () => {
        await engine.pause()
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
