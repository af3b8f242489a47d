import jwt from '@fastify/jwt'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { lifetime, rotateRefresh, sessionOf, type User, userById, userByPassword } from './accounts.ts'

// The same service on Fastify and @fastify/jwt (HS256), with the reply schemas that make Fastify fast.

const text = { type: 'string' } as const
const textOrNull = { type: ['string', 'null'] } as const

const userSchema = {
  type: 'object',
  properties: {
    ...{ id: text, email: text, email_verified: { type: 'boolean' }, full_name: textOrNull },
    ...{ phone: textOrNull, address: textOrNull, preferred_language: textOrNull, picture_url: textOrNull },
    ...{ roles: { type: 'array', items: text }, is_active: { type: 'boolean' }, last_login_at: textOrNull },
    ...{ created_at: text, updated_at: text },
  },
} as const

const tokens = {
  ...{ access_token: text, token_type: text, expires_in: { type: 'integer' }, refresh_token: text },
} as const
const sessionSchema = { type: 'object', properties: { ...tokens, user: userSchema } } as const
const tokenSchema = { type: 'object', properties: tokens } as const
const guardedSchema = { type: 'object', properties: { id: text } } as const
const credentialsSchema = {
  type: 'object',
  required: ['email', 'password'],
  additionalProperties: false,
  properties: { email: text, password: { type: 'string', minLength: 8 } },
} as const
const refreshSchema = {
  type: 'object',
  required: ['refresh_token'],
  additionalProperties: false,
  properties: { refresh_token: text },
} as const

type Credentials = { Body: { email: string; password: string } }

const app = fastify({ logger: false, bodyLimit: 16_384 })
await app.register(jwt, {
  secret: process.env.TOKEN_SECRET ?? '',
  sign: { algorithm: 'HS256', expiresIn: lifetime * 1000 },
  verify: { algorithms: ['HS256'] },
})

const accessToken = (userId: string): string => app.jwt.sign({ sub: userId })

const session = (user: User) => sessionOf(user, accessToken(user.id))

const unauthorized = (reply: FastifyReply) => reply.code(401).send({ error: 'unauthorized' })

const requireToken = async (request: FastifyRequest, reply: FastifyReply) => {
  try {
    await request.jwtVerify()
  } catch {
    return unauthorized(reply)
  }
}

const subjectOf = (request: FastifyRequest): string => (request.user as { sub: string }).sub

app.post<Credentials>(
  '/login',
  { schema: { body: credentialsSchema, response: { 200: sessionSchema } } },
  async ({ body }, reply) => {
    const user = await userByPassword(body.email, body.password)
    return user ? session(user) : unauthorized(reply)
  },
)

app.post<{ Body: { refresh_token: string } }>(
  '/refresh',
  { schema: { body: refreshSchema, response: { 200: tokenSchema } } },
  async ({ body }, reply) => {
    const next = await rotateRefresh(body.refresh_token)
    if (!next) return unauthorized(reply)
    return {
      ...{ access_token: accessToken(next.userId), token_type: 'Bearer', expires_in: lifetime },
      refresh_token: next.token,
    }
  },
)

app.get(
  '/me',
  { onRequest: requireToken, schema: { response: { 200: userSchema } } },
  async (request, reply) => (await userById(subjectOf(request))) ?? unauthorized(reply),
)

app.get(
  '/guarded',
  { onRequest: requireToken, schema: { response: { 200: guardedSchema } } },
  async request => ({ id: subjectOf(request) }),
)

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
