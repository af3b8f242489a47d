import type { RevocationOptions } from '../../../packages/guard/src/feed-store.ts'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'
import { openResourceServer, type ResourceServer } from '../guard/resource-server.ts'

/** A service on another machine, as it were: it sees the published keys and the feed of the issuer, and nothing else. */
export type GuardedService = AsyncDisposable & {
  server: ResourceServer
  /** The code of the reply to a token; 200 if it passes. */
  codeFor: (token: string) => Promise<string | number>
  /** Waits until the service refuses a token as that of an ended session. */
  untilRefused: (token: string) => Promise<unknown>
}

/** An issuer on a real port, since a guard fetches over HTTP. */
export const openIssuer = (options: Parameters<typeof openWorld>[0] = {}): Promise<World> =>
  onFreePort(undefined, port =>
    openWorld({
      ...options,
      env: { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}`, ...options.env },
    }),
  )

export const openGuardedService = async (
  issuer: string,
  revocations: true | RevocationOptions = true,
): Promise<GuardedService> => {
  const verifier = createVerifier({ issuer, revocations, audience: [issuer] })
  const server = await openResourceServer(verifier)
  const codeFor = async (token: string) => {
    const { status, body } = await server.client.get('/closed', { token })
    return status === 200 ? 200 : body.code
  }
  return {
    server,
    codeFor,
    untilRefused: token =>
      until('the token to be refused', async () => (await codeFor(token)) === 'SESSION_REVOKED', 3000),
    [Symbol.asyncDispose]: async () => {
      verifier.close()
      await server[Symbol.asyncDispose]()
    },
  }
}
