import { createVerifier } from '@latchkey/guard'
import {
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '@latchkey/guard/fastify'
import Fastify from 'fastify'

const { ISSUER = 'http://localhost:8000', AUDIENCE, PORT = '3000' } = process.env

// One verifier for the whole service: it keeps the keys and the verified tokens.
const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, onError: console.error })
const signedIn = requireAuth(verifier)

const app = Fastify()
const showUser = async request => ({ user: request.auth?.sub ?? null })
app.get('/news', { onRequest: optionalAuth(verifier) }, showUser)
app.get('/profile', { onRequest: signedIn }, showUser)
app.post('/orders', { onRequest: [signedIn, requireVerified()] }, showUser)
app.get('/reports', { onRequest: [signedIn, requireRole('admin')] }, showUser)
app.get('/stock', { onRequest: [signedIn, requireScope('stock:read')] }, showUser)
app.delete('/card', { onRequest: [signedIn, requireFresh(300)] }, showUser)
app.post('/payouts', { onRequest: [signedIn, requireAcr('aal2')] }, showUser)

console.log(await app.listen({ port: Number(PORT), host: '127.0.0.1' }))
