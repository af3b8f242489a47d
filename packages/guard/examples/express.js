import { createVerifier } from '@latchkey/guard'
import {
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '@latchkey/guard/express'
import express from 'express'

const { ISSUER = 'http://localhost:8000', AUDIENCE, PORT = '3000' } = process.env

// One verifier for the whole service: it keeps the keys and the verified tokens.
const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, onError: console.error })
const signedIn = requireAuth(verifier)

const app = express()
const showUser = (req, res) => {
  res.json({ user: req.auth?.sub ?? null })
}
app.get('/news', optionalAuth(verifier), showUser)
app.get('/profile', signedIn, showUser)
app.post('/orders', signedIn, requireVerified(), showUser)
app.get('/reports', signedIn, requireRole('admin'), showUser)
app.get('/stock', signedIn, requireScope('stock:read'), showUser)
app.delete('/card', signedIn, requireFresh(300), showUser)
app.post('/payouts', signedIn, requireAcr('aal2'), showUser)

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
