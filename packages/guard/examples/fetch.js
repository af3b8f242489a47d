import { createVerifier } from '@latchkey/guard'
import {
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '@latchkey/guard/fetch'

const { ISSUER = 'http://localhost:8000', AUDIENCE } = globalThis.process?.env ?? {}

// One verifier for the whole service: it keeps the keys and the verified tokens.
const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, onError: console.error })
const signedIn = requireAuth(verifier)

const showUser = (_request, { auth }) => Response.json({ user: auth?.sub ?? null })

const routes = {
  'GET /news': optionalAuth(verifier)(showUser),
  'GET /profile': signedIn(showUser),
  'POST /orders': signedIn(requireVerified()(showUser)),
  'GET /reports': signedIn(requireRole('admin')(showUser)),
  'GET /stock': signedIn(requireScope('stock:read')(showUser)),
  'DELETE /card': signedIn(requireFresh(300)(showUser)),
  'POST /payouts': signedIn(requireAcr('aal2')(showUser)),
}

// The form that Workers, Deno (`deno serve`) and Bun call.
export default {
  fetch: request => {
    const route = routes[`${request.method} ${new URL(request.url).pathname}`]
    return route ? route(request) : new Response(null, { status: 404 })
  },
}
