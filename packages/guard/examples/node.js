import { createServer } from 'node:http'
import { createVerifier } from '@latchkey/guard'
import {
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '@latchkey/guard/node'

const { ISSUER = 'http://localhost:8000', AUDIENCE, PORT = '3000' } = process.env

// One verifier for the whole service: it keeps the keys and the verified tokens.
const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, onError: console.error })
const signedIn = requireAuth(verifier)

const guards = {
  'GET /news': [optionalAuth(verifier)],
  'GET /profile': [signedIn],
  'POST /orders': [signedIn, requireVerified()],
  'GET /reports': [signedIn, requireRole('admin')],
  'GET /stock': [signedIn, requireScope('stock:read')],
  'DELETE /card': [signedIn, requireFresh(300)],
  'POST /payouts': [signedIn, requireAcr('aal2')],
}

const showUser = (request, reply) => {
  reply.setHeader('Content-Type', 'application/json')
  reply.end(JSON.stringify({ user: request.auth?.sub ?? null }))
}

// A guard calls the next one only if the request passes.
const run = ([guard, ...rest], request, reply) =>
  guard ? guard(request, reply, () => run(rest, request, reply)) : showUser(request, reply)

const server = createServer((request, reply) => {
  const chain = guards[`${request.method} ${request.url}`]
  if (chain) run(chain, request, reply)
  else reply.writeHead(404).end()
})
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
