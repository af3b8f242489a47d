import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signToken } from '../src/platform/crypto/paseto.ts'
import { type generateKey, importSecret } from '../src/platform/crypto/paseto-keys.ts'

// An issuer for tests of the guard: it signs any claims, and publishes keys as a test wants it.

export type TestKey = ReturnType<typeof generateKey>

type Claims = Readonly<Record<string, unknown>>

/** Signs claims as Latchkey does, from `age` seconds ago on, for `life` seconds. */
export const signAs = (key: TestKey, claims: Claims, { age = 0, life = 900 } = {}): string => {
  const secret = importSecret(key.paserkSecret)
  const now = new Date(Date.now() - age * 1000)
  return signToken({ kid: key.kid, secret }, claims, { now, ttlSeconds: life })
}

/** The claims of a user without a second factor, who signed in an hour ago. */
export const userClaims = (issuer: string, changes: Claims = {}): Claims => ({
  iss: issuer,
  aud: issuer,
  sub: '018f0000-0000-7000-8000-000000000001',
  sid: '018f0000-0000-7000-8000-000000000002',
  email: 'ada@example.com',
  email_verified: false,
  roles: ['user'],
  amr: ['pwd'],
  acr: 'aal1',
  auth_time: new Date(Date.now() - 3_600_000).toISOString(),
  ...changes,
})

/** The claims of a machine client. */
export const machineClaims = (issuer: string, scope: string, changes: Claims = {}): Claims => ({
  iss: issuer,
  aud: issuer,
  sub: 'lkc_test',
  client_id: 'lkc_test',
  scope,
  ...changes,
})

export type KeyServer = AsyncDisposable & {
  url: string
  /** How often keys were asked for. */
  reads: number
  keys: readonly TestKey[]
  /** Replies instead of the keys. */
  listener: RequestListener | null
  close: () => Promise<void>
}

/** Publishes keys at a port of this machine. */
export const openKeyServer = async (...keys: TestKey[]): Promise<KeyServer> => {
  const server = createServer((request, reply) => {
    state.reads++
    if (state.listener) return state.listener(request, reply)
    const published = state.keys.map(({ kid, paserkPublic }) => ({ kid, paserk: paserkPublic }))
    reply.writeHead(200, { connection: 'close', 'cache-control': 'public, max-age=300' })
    return reply.end(JSON.stringify({ keys: published }))
  })
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const state: KeyServer = {
    ...{ url, reads: 0, keys, listener: null, close },
    [Symbol.asyncDispose]: close,
  }
  return state
}
