import Router from '@koa/router'
import { createVerifier } from '@latchkey/guard'
import {
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '@latchkey/guard/koa'
import Koa from 'koa'

const { ISSUER = 'http://localhost:8000', AUDIENCE, PORT = '3000' } = process.env

// One verifier for the whole service: it keeps the keys and the verified tokens.
const verifier = createVerifier({ issuer: ISSUER, audience: AUDIENCE, onError: console.error })
const signedIn = requireAuth(verifier)

const router = new Router()
const showUser = ctx => {
  ctx.body = { user: ctx.state.auth?.sub ?? null }
}
router.get('/news', optionalAuth(verifier), showUser)
router.get('/profile', signedIn, showUser)
router.post('/orders', signedIn, requireVerified(), showUser)
router.get('/reports', signedIn, requireRole('admin'), showUser)
router.get('/stock', signedIn, requireScope('stock:read'), showUser)
router.delete('/card', signedIn, requireFresh(300), showUser)
router.post('/payouts', signedIn, requireAcr('aal2'), showUser)

const app = new Koa()
app.use(router.routes())
app.use(router.allowedMethods())

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
