import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { tokenBody } from '../one-time-tokens/schemas.ts'
import { route } from '../sessions/route.ts'
import { rejectAccount } from './reject-account.ts'

const summary = 'Remove an account that someone else created with your address'

const postReject = route({
  method: 'POST',
  path: '/api/v1/auth/reject-account',
  summary,
  description:
    'Takes the token of the verification email, as long as the address is not verified. Ends every session and erases the account at once. An account with records of another part of the service is closed instead and loses the address. The same token again gets the same reply.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenBody,
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN'],
  example: { body: { token: example.token } },
  handle: async (deps, { body, client }) => {
    const done = await rejectAccount(deps, { token: body.token, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const pages = linkRoutes({
  name: 'reject-account',
  summary,
  button: 'reject',
  done: { name: 'account-removed', page: 'reject_done', again: 'reject_again' },
  invalid: 'invalid_reject',
  mayBeInstant: false,
  act: (deps, { token, client }) => rejectAccount(deps, { token, origin: client }),
})

export const rejectRoutes: Route[] = [postReject, ...pages]
