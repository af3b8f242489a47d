import { createSecretKey } from 'node:crypto'
import express, { type NextFunction, type Request, type Response } from 'express'
import jwt from 'jsonwebtoken'
import { lifetime, rotateRefresh, sessionOf, type User, userById, userByPassword } from './accounts.ts'

// A typical hand-written service: Express, jsonwebtoken (HS256), bcrypt, pg. Access tokens are not revoked.

// jsonwebtoken would first try a string as a public key, each time: four times the cost of a check.
const secret = createSecretKey(Buffer.from(process.env.TOKEN_SECRET ?? ''))

const accessToken = (userId: string): string =>
  jwt.sign({}, secret, { algorithm: 'HS256', subject: userId, expiresIn: lifetime })

const session = (user: User) => sessionOf(user, accessToken(user.id))

const requireToken = (request: Request, response: Response, next: NextFunction): void => {
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ')
  try {
    if (scheme !== 'Bearer') throw new Error('no bearer token')
    response.locals.userId = jwt.verify(token, secret, { algorithms: ['HS256'] }).sub
  } catch {
    response.status(401).json({ error: 'unauthorized' })
    return
  }
  next()
}

const isCredentials = (body: unknown): body is { email: string; password: string } => {
  const { email, password } = (body ?? {}) as Record<string, unknown>
  return typeof email === 'string' && typeof password === 'string' && password.length >= 8
}

const app = express()
app.disable('x-powered-by')
app.disable('etag')
const json = express.json({ limit: '16kb' })

app.post('/login', json, async (request, response) => {
  if (!isCredentials(request.body)) return void response.status(400).json({ error: 'invalid' })
  const user = await userByPassword(request.body.email, request.body.password)
  if (!user) return void response.status(401).json({ error: 'unauthorized' })
  response.json(await session(user))
})

app.post('/refresh', json, async (request, response) => {
  const token: unknown = request.body?.refresh_token
  const next = typeof token === 'string' ? await rotateRefresh(token) : null
  if (!next) return void response.status(401).json({ error: 'unauthorized' })
  response.json({
    ...{ access_token: accessToken(next.userId), token_type: 'Bearer', expires_in: lifetime },
    refresh_token: next.token,
  })
})

app.get('/me', requireToken, async (_request, response) => {
  const user = await userById(response.locals.userId)
  if (!user) return void response.status(401).json({ error: 'unauthorized' })
  response.json(user)
})

app.get('/guarded', requireToken, (_request, response) => {
  response.json({ id: response.locals.userId })
})

app.listen(Number(process.env.PORT), '127.0.0.1')
