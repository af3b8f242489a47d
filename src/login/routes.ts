import * as v from 'valibot'
import * as field from '../base/fields.ts'
import { Problem } from '../base/problems.ts'
import { type Route, route } from '../http/route.ts'
import { sessionReply } from '../sessions/rules.ts'
import { login } from './login.ts'

const postLogin = route({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Sign in by e-mail and password',
  auth: 'none',
  limits: ['login'],
  body: v.strictObject({ email: field.email, password: field.password }),
  replies: { 200: sessionReply },
  problems: ['INVALID_CREDENTIALS', 'ACCOUNT_DEACTIVATED'],
  handle: async (deps, { body, client }) => {
    const session = await login(deps, { ...body, origin: client })
    return session instanceof Problem ? session : { status: 200, body: session }
  },
})

export const loginRoutes: Route[] = [postLogin]
