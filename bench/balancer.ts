import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

// A reverse proxy as one stands before any two instances: connections kept open, health asked of `/readyz`, one
// instance after the other. A request goes to the next instance only where it never reached the first: sent twice, it
// might be done twice. Where no instance is ready, those that still answer get the requests: what of the service does
// not need the store that is gone goes on.

const checkEvery = 500
const checkPatience = 2500

/** `able`: it answers, and a store of its own is gone. `away`: it is draining, or answers nothing. */
type Peer = { port: number; state: 'ready' | 'able' | 'away'; agent: Agent }

export type Balancer = AsyncDisposable & { port: number }

/** What came with a connection and says nothing about the next one (RFC 9110, section 7.6.1). */
const ofOneHop = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade']

const endToEnd = (headers: IncomingMessage['headers']) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofOneHop.includes(name)))

const askReady = async ({ port }: Peer): Promise<Peer['state']> => {
  try {
    const signal = AbortSignal.timeout(checkPatience)
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`, { signal })
    const { status } = (await reply.json()) as { status: string }
    return status === 'ready' ? 'ready' : status === 'not_ready' ? 'able' : 'away'
  } catch {
    return 'away'
  }
}

const setState = (peer: Peer, state: Peer['state']): void => {
  peer.state = state
  // It is about to close them, and a request might be on its way then.
  if (state === 'away') for (const socket of Object.values(peer.agent.freeSockets).flat()) socket?.destroy()
}

const keepChecking = async (peer: Peer, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    setState(peer, await askReady(peer))
    await sleep(checkEvery, null, { signal }).catch(() => {})
  }
}

/** Those to try, the best first. */
const inTurn = (peers: Peer[], turn: number): Peer[] => {
  const turned = peers.map((_, at) => peers[(turn + at) % peers.length] as Peer)
  const by = (state: Peer['state']) => turned.filter(peer => peer.state === state)
  return [...by('ready'), ...by('able'), ...by('away')]
}

const pass = (peer: Peer, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const hops = [incoming.headers['x-forwarded-for'], incoming.socket.remoteAddress].filter(Boolean)
    const headers = {
      ...endToEnd(incoming.headers),
      'x-forwarded-for': hops.join(', '),
      'x-forwarded-proto': 'https',
      'content-length': body.length,
    }
    const { method, url: path } = incoming
    request({ host: '127.0.0.1', port: peer.port, method, path, headers, agent: peer.agent }, resolve)
      .on('error', reject)
      .end(body)
  })

const neverReached = (fault: unknown): boolean => (fault as { syscall?: string }).syscall === 'connect'

const send = (outgoing: ServerResponse, reply: IncomingMessage): void => {
  outgoing.writeHead(reply.statusCode ?? 502, endToEnd(reply.headers))
  reply.on('error', () => outgoing.destroy())
  reply.pipe(outgoing)
}

const forward = async (peers: Peer[], turn: number, incoming: IncomingMessage, outgoing: ServerResponse) => {
  const body = await buffer(incoming)
  for (const peer of inTurn(peers, turn)) {
    try {
      return send(outgoing, await pass(peer, incoming, body))
    } catch (fault) {
      if (!neverReached(fault)) return void outgoing.writeHead(502).end()
      setState(peer, 'away')
    }
  }
  outgoing.writeHead(502).end()
}

/** Balances between instances on 127.0.0.1. It answers 502 itself where an instance took a request and fell silent. */
export const openBalancer = async (ports: number[]): Promise<Balancer> => {
  const peers = ports.map(
    (port): Peer => ({ port, state: 'away', agent: new Agent({ keepAlive: true, timeout: 30_000 }) }),
  )
  const stop = new AbortController()
  const checks = peers.map(peer => keepChecking(peer, stop.signal))
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    forward(peers, turn++, incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      stop.abort()
      server.close()
      server.closeAllConnections()
      for (const { agent } of peers) agent.destroy()
      await Promise.all(checks)
    },
  }
}
