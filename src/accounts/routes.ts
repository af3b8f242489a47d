import * as v from 'valibot'
import * as field from '../base/fields.ts'
import { Problem } from '../base/problems.ts'
import { type Route, route } from '../http/route.ts'
import { sessionReply } from '../sessions/rules.ts'
import { register } from './register.ts'
import { userReply, userView } from './rules.ts'
import { updateProfile } from './update-profile.ts'

const profile = {
  full_name: v.exactOptional(v.nullable(field.fullName)),
  phone: v.exactOptional(v.nullable(field.phone)),
  address: v.exactOptional(v.nullable(field.address)),
  preferred_language: v.exactOptional(v.nullable(field.languageTag)),
}

const registration = v.strictObject({ email: field.email, password: field.password, ...profile })

const profileChange = v.strictObject({ ...profile, picture_url: v.exactOptional(v.nullable(field.httpsUrl)) })

const postRegister = route({
  method: 'POST',
  path: '/api/v1/auth/register',
  summary: 'Make an account and begin a session',
  description:
    'A mail with a link and a code goes out to verify the address. In the rare case that sessions cannot be begun for the moment, `202` says that the account stands: sign in later.',
  auth: 'none',
  limits: ['register'],
  body: registration,
  replies: { 201: sessionReply, 202: v.object({ user: userReply }) },
  problems: ['USER_EXISTS', 'VALIDATION_ERROR'],
  handle: async (deps, { body, client }) => {
    const locale = client.locale
    const made = await register(deps, { registration: body, locale, origin: client })
    if (made instanceof Problem) return made
    return 'access_token' in made ? { status: 201, body: made } : { status: 202, body: made }
  },
})

const getMe = route({
  method: 'GET',
  path: '/api/v1/auth/me',
  summary: 'Read your own account',
  auth: 'bearer',
  limits: ['bearer'],
  replies: { 200: userReply },
  problems: [],
  handle: async (_deps, { user }) => ({ status: 200, body: userView(user) }),
})

const changeMe = (method: 'PATCH' | 'PUT') =>
  route({
    method,
    path: '/api/v1/auth/me',
    summary: 'Change your own profile',
    description: 'Changes the fields that are given and no others; `null` clears one.',
    auth: 'bearer',
    limits: ['bearer'],
    body: profileChange,
    replies: { 200: userReply },
    problems: ['SESSION_REVOKED'],
    handle: async (deps, { user, body }) => {
      const changed = await updateProfile(deps, { user, profile: body })
      return changed instanceof Problem ? changed : { status: 200, body: userView(changed) }
    },
  })

export const accountRoutes: Route[] = [postRegister, getMe, changeMe('PATCH'), changeMe('PUT')]
