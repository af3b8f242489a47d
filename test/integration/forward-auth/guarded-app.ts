import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { until } from '../../until.ts'
import { sendRaw } from '../http/raw-request.ts'

// A real proxy with the configuration of `examples/`, in front of an application that records what reaches it.

export type ProxyName = 'nginx' | 'caddy'

export type Seen = {
  method: string
  url: string
  /** Names in lower case and values, as they were sent. */
  headers: [string, string][]
  trailers: string[]
  body: string
}

const programs: Record<ProxyName, string> = { nginx: 'nginx', caddy: 'caddy' }

/** The path of a program, or null if it is not installed. */
export const programOf = (name: ProxyName): string | null => {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map(folder => join(folder, programs[name])).find(existsSync) ?? null
}

const example = (path: string) => readFile(new URL(`../../../examples/${path}`, import.meta.url), 'utf8')

type Addresses = { listen: number; latchkey: number; app: number }

/** Replaces the addresses of an example. Throws if one of them is not in it. */
const withAddresses = (config: string, listen: [string, string], { latchkey, app }: Addresses): string =>
  [listen, ['127.0.0.1:8000', `127.0.0.1:${latchkey}`], ['127.0.0.1:3000', `127.0.0.1:${app}`]].reduce(
    (found, [text = '', replacement = '']) => {
      if (!found.includes(text)) throw new Error(`the example has no ${text}`)
      return found.replace(text, replacement)
    },
    config,
  )

const nginxMain = (folder: string) => `
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `  ${kind}_temp_path ${folder}/${kind};`).join('\n')}
  include ${folder}/latchkey.conf;
}
`

/** Writes the configuration, and returns the arguments of the program. */
const configure: Record<ProxyName, (folder: string, addresses: Addresses) => Promise<string[]>> = {
  nginx: async (folder, addresses) => {
    const listen: [string, string] = ['listen 8080', `listen 127.0.0.1:${addresses.listen}`]
    const config = withAddresses(await example('nginx/latchkey.conf'), listen, addresses)
    await writeFile(join(folder, 'latchkey.conf'), config)
    await writeFile(join(folder, 'nginx.conf'), nginxMain(folder))
    return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
  },
  caddy: async (folder, addresses) => {
    const listen: [string, string] = [':8080 {', `:${addresses.listen} {\n\tbind 127.0.0.1`]
    const site = withAddresses(await example('caddy/Caddyfile'), listen, addresses)
    await writeFile(join(folder, 'Caddyfile'), `{\n\tadmin off\n\tauto_https off\n}\n${site}`)
    return ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile']
  },
}

const listening = async (handle: (request: IncomingMessage, reply: ServerResponse) => void) => {
  const server = createServer({ maxHeaderSize: 65_536 }, handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const recorded = async (incoming: IncomingMessage): Promise<Seen> => {
  const body = await text(incoming)
  const { method = '', url = '', rawHeaders, rawTrailers } = incoming
  const headers = rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 ? [] : [[name.toLowerCase(), rawHeaders[at + 1] ?? '']],
  )
  return { method, url, headers, trailers: rawTrailers, body }
}

/** How Latchkey answers instead of its own reply: with a status, or not at all. */
export type Fault = { status: number; headers?: Record<string, string> } | 'reset'

/** The way to Latchkey, which can fail. */
const openFront = async (latchkey: string, asked: Seen[]) => {
  let fault: Fault | null = null
  const { hostname, port } = new URL(latchkey)
  const opened = await listening(async (incoming, reply) => {
    if (fault === 'reset') return void incoming.socket.destroy()
    if (fault) return void reply.writeHead(fault.status, fault.headers).end()
    const seen = await recorded(incoming)
    asked.push(seen)
    const target = {
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.rawHeaders,
    }
    request(target, answer => {
      reply.writeHead(answer.statusCode ?? 0, answer.rawHeaders)
      answer.pipe(reply)
    }).end(seen.body)
  })
  const fail = (how: Fault | null): void => {
    fault = how
  }
  return { ...opened, fail }
}

const closed = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

export type GuardedApp = AsyncDisposable & {
  url: string
  /** The requests that reached the application, and those that the proxy sent to Latchkey. */
  seen: Seen[]
  asked: Seen[]
  fail: (how: Fault | null) => void
}

const startProxy = async (name: ProxyName, program: string, addresses: Omit<Addresses, 'listen'>) => {
  const folder = await mkdtemp(join(tmpdir(), `latchkey-${name}-`))
  return onFreePort(undefined, async listen => {
    const args = await configure[name](folder, { ...addresses, listen })
    const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const url = `http://127.0.0.1:${listen}`
    const end = () => void child.kill()
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    let log = ''
    child.stderr.on('data', chunk => {
      log += chunk
    })
    await until(`${name} to listen`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} exited: ${log}`)
      return (await sendRaw(url, ['GET / HTTP/1.1', 'Host: app.test'])).status !== 0
    })
    return { url, child, folder }
  })
}

/** Starts a proxy in front of an application, with Latchkey at `latchkey`. */
export const openGuardedApp = async (
  name: ProxyName,
  program: string,
  latchkey: string,
): Promise<GuardedApp> => {
  const [seen, asked]: [Seen[], Seen[]] = [[], []]
  const app = await listening(async (incoming, reply) => {
    seen.push(await recorded(incoming))
    reply.writeHead(200, { 'content-type': 'text/plain', 'x-app': 'yes' }).end('from the application')
  })
  const front = await openFront(latchkey, asked)
  const proxy = await startProxy(name, program, { latchkey: front.port, app: app.port })
  asked.length = 0
  return {
    url: proxy.url,
    seen,
    asked,
    fail: front.fail,
    [Symbol.asyncDispose]: async () => {
      await ended(proxy.child)
      await Promise.all([closed(app.server), closed(front.server)])
      await rm(proxy.folder, { recursive: true, force: true })
    },
  }
}
