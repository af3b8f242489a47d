import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokenOptions, tokensBy } from '../sessions/token-transport.ts'
import { userReply } from '../users/schemas.ts'
import { profileExample } from './examples.ts'
import { register } from './register.ts'
import { profileEntries } from './schemas.ts'

const registration = v.strictObject({
  email: field.email,
  password: field.password,
  ...profileEntries,
  ...tokenOptions,
})

const postRegister = route({
  method: 'POST',
  path: '/api/v1/auth/register',
  summary: 'Sign up',
  description:
    'Creates an account, starts a session, and sends an email with a link and a code to verify the address. `audience` names the service that the access token is for. The reply is `202` if no session starts. Then the address must be verified first (`REQUIRE_VERIFIED_EMAIL`), or the reply must not show whether the account is new and has no `user` (`REGISTRATION_PRIVACY`), or sessions cannot be started at the moment: sign in later.',
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
    const { token_transport: transport = 'body', audience: requested, ...given } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const made = await register(deps, {
      registration: given,
      audience,
      locale: client.locale,
      origin: client,
    })
    if (made instanceof Problem) return made
    return 'access_token' in made
      ? { status: 201, ...tokensBy(deps, made, transport) }
      : { status: 202, body: made }
  },
})

export const registrationRoutes: Route[] = [postRegister]
