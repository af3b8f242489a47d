import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { route } from '../sessions/route.ts'
import { rejectAccount } from './reject-account.ts'

const postReject = route({
  method: 'POST',
  path: '/api/v1/auth/reject-account',
  summary: 'Remove an account that someone else made with your address',
  description:
    'Takes the token of the email that asks to verify the address, while nothing has confirmed that. Sessions end and the account is erased at once. One that holds a payment is closed and loses the address. The same token again gets the same answer.',
  auth: 'none',
  limits: ['anonymous'],
  body: v.strictObject({ token: field.mailedToken }),
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN'],
  handle: async (deps, { body, client }) => {
    const done = await rejectAccount(deps, { token: body.token, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const pages = linkRoutes({
  name: 'reject-account',
  summary: 'Remove an account that someone else made with your address',
  button: 'reject',
  done: { name: 'account-removed', page: 'reject_done', again: 'reject_again' },
  invalid: 'invalid_reject',
  mayBeInstant: false,
  act: (deps, { token, client }) => rejectAccount(deps, { token, origin: client }),
})

export const rejectRoutes: Route[] = [postReject, ...pages]
