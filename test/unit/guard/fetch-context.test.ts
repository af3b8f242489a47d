import test from 'ava'
import {
  type AuthContext,
  type Claims,
  optionalAuth,
  requireAuth,
  requireRole,
} from '../../../packages/guard/src/fetch.ts'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { generateKey } from '../../../src/platform/crypto/paseto-keys.ts'
import { signAs, userClaims } from '../../token-issuer.ts'

// What a runtime gives to fetch handlers reaches them through guards, and requests do not share it.

const issuer = 'https://accounts.example.com'
const key = generateKey()
const keys = [{ kid: key.kid, paserk: key.paserkPublic }]
const verifier = createVerifier({ issuer, keys })
const asUser = new Request(issuer, {
  headers: { authorization: `Bearer ${signAs(key, userClaims(issuer))}` },
})

/** As the second argument in Deno and Bun: an object of a class, whose methods refuse any other object. */
class Server {
  readonly #address = '127.0.0.1'
  auth: unknown = 'of the runtime'
  port = 8000
  get remoteAddr() {
    return this.#address
  }
  requestIP() {
    return this.#address
  }
}

test('context is an object of a class → its getters and methods work behind several guards', async t => {
  const handler = requireAuth(verifier)(
    requireRole('user')(
      (_request: Request, { auth, port, remoteAddr, requestIP }: Server & { auth: unknown }) =>
        Response.json({ auth, port, remoteAddr, ip: requestIP() }),
    ),
  )
  const reply = await (await handler(asUser, new Server())).json()
  t.like(reply, { port: 8000, remoteAddr: '127.0.0.1', ip: '127.0.0.1', auth: { email: 'ada@example.com' } })
})

test('requests share one context object → none sees the claims of another', async t => {
  const shared = Object.freeze({ BUCKET: 'orders' })
  const seen = optionalAuth(verifier)((_request, context: AuthContext<Claims | null> & { BUCKET: string }) =>
    Response.json({ user: context.auth !== null, bucket: context.BUCKET }),
  )
  const replies = await Promise.all([seen(asUser, shared), seen(new Request(issuer), shared)])
  t.deepEqual(await Promise.all(replies.map(reply => reply.json())), [
    { user: true, bucket: 'orders' },
    { user: false, bucket: 'orders' },
  ])
  t.false('auth' in shared)
})
