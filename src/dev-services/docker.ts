import { existsSync } from 'node:fs'
import { type RequestOptions, request } from 'node:http'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Env } from './binaries.ts'

const timeoutMs = 3_000

const answersPing = (options: RequestOptions): Promise<boolean> =>
  new Promise(resolve => {
    const ping = request({ ...options, path: '/_ping', timeout: timeoutMs }, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    ping.on('timeout', () => ping.destroy()).on('error', () => resolve(false))
    ping.end()
  })

const acceptsConnection = (host: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const settle = (accepted: boolean) => () => {
      socket.destroy()
      resolve(accepted)
    }
    const socket = connect({ host, port, timeout: timeoutMs })
    socket.on('connect', settle(true)).on('timeout', settle(false)).on('error', settle(false))
  })

const sockets = (env: Env): string[] => [
  '/var/run/docker.sock',
  ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
  join(homedir(), '.docker/run/docker.sock'),
  join(homedir(), '.docker/desktop/docker.sock'),
  `/run/user/${process.getuid?.()}/docker.sock`,
]

/** Whether Docker answers at DOCKER_HOST or at one of its standard sockets. Takes at most 3 s. */
export const isDockerReachable = async (env: Env): Promise<boolean> => {
  const host = env.DOCKER_HOST
  if (!host) {
    const socketPath = sockets(env).find(path => existsSync(path))
    return socketPath !== undefined && answersPing({ socketPath })
  }
  if (!URL.canParse(host)) return false
  const { protocol, hostname, port, pathname } = new URL(host)
  if (protocol === 'unix:') return answersPing({ socketPath: pathname })
  return acceptsConnection(hostname, Number(port) || (protocol === 'ssh:' ? 22 : 2375))
}
