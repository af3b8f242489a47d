import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { sessionExample } from '../sessions/examples.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokensBy, tokenTransport } from '../sessions/token-transport.ts'
import { userExample } from '../users/examples.ts'
import { userReply } from '../users/schemas.ts'
import { userView } from '../users/view.ts'
import { deletionRoutes } from './deletion-routes.ts'
import { exportExample, profileExample } from './examples.ts'
import { exportAccount } from './export-account.ts'
import { register } from './register.ts'
import { exportReply } from './schemas.ts'
import { updateProfile } from './update-profile.ts'

const profile = {
  full_name: v.exactOptional(v.nullable(field.fullName)),
  phone: v.exactOptional(v.nullable(field.phone)),
  address: v.exactOptional(v.nullable(field.address)),
  preferred_language: v.exactOptional(v.nullable(field.languageTag)),
}

const registration = v.strictObject({
  email: field.email,
  password: field.password,
  ...profile,
  token_transport: v.exactOptional(tokenTransport),
})

const profileChange = v.strictObject({ ...profile, picture_url: v.exactOptional(v.nullable(field.httpsUrl)) })

const path = '/api/v1/auth/me'

const postRegister = route({
  method: 'POST',
  path: '/api/v1/auth/register',
  summary: 'Sign up',
  description:
    'Creates an account, starts a session, and sends an email with a link and a code to verify the address. The reply is `202` if no session starts. Then the address must be verified first (`REQUIRE_VERIFIED_EMAIL`), or the reply must not show whether the account is new and has no `user` (`REGISTRATION_PRIVACY`), or sessions cannot be started at the moment: sign in later.',
  auth: 'none',
  limits: ['register'],
  cookie: 'set',
  body: registration,
  replies: { 201: sessionReply, 202: v.object({ user: v.exactOptional(userReply) }) },
  problems: ['USER_EXISTS', 'VALIDATION_ERROR'],
  example: {
    body: { email: example.email, password: example.password, ...profileExample, token_transport: 'body' },
    reply: sessionExample,
  },
  handle: async (deps, { body, client }) => {
    const { token_transport: transport = 'body', ...given } = body
    const made = await register(deps, { registration: given, locale: client.locale, origin: client })
    if (made instanceof Problem) return made
    return 'access_token' in made
      ? { status: 201, ...tokensBy(deps, made, transport) }
      : { status: 202, body: made }
  },
})

const getMe = route({
  method: 'GET',
  path,
  summary: 'Read your account',
  auth: 'bearer',
  limits: ['bearer'],
  replies: { 200: userReply },
  problems: [],
  example: { reply: userExample },
  handle: async (_deps, { user }) => ({ status: 200, body: userView(user) }),
})

const changeMe = (method: 'PATCH' | 'PUT') =>
  route({
    method,
    path,
    summary: method === 'PATCH' ? 'Change your profile' : 'Change your profile (by PUT)',
    description: 'Changes only the fields in the request. `null` clears a field.',
    auth: 'bearer',
    limits: ['bearer'],
    body: profileChange,
    replies: { 200: userReply },
    problems: ['SESSION_REVOKED'],
    example: { body: { ...profileExample, picture_url: userExample.picture_url }, reply: userExample },
    handle: async (deps, { user, sessionId, body, client }) => {
      const changed = await updateProfile(deps, { user, sessionId, profile: body, origin: client })
      return changed instanceof Problem ? changed : { status: 200, body: userView(changed) }
    },
  })

const getExport = route({
  method: 'GET',
  path: `${path}/export`,
  summary: 'Export your data',
  description:
    'Returns everything that is stored about you. Each export is an audit event (`user.exported`) and sends you an email, so that you notice if a thief uses your session to read it. It asks for no password.',
  auth: 'bearer',
  limits: ['bearer', 'export'],
  size: 'large',
  replies: { 200: exportReply },
  problems: ['RATE_LIMIT_EXCEEDED'],
  example: { reply: exportExample },
  handle: async (deps, { user, sessionId, client, head }) => {
    const exported = await exportAccount(deps, { user, sessionId, origin: client, isNotified: !head })
    return exported instanceof Problem ? exported : { status: 200, body: exported }
  },
})

export const accountRoutes: Route[] = [
  postRegister,
  getMe,
  changeMe('PATCH'),
  changeMe('PUT'),
  getExport,
  ...deletionRoutes,
]
