import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { linkRoutes } from '../../platform/pages/link-routes.ts'
import { page } from '../../platform/pages/pages.ts'
import { tokenBody } from '../one-time-tokens/schemas.ts'
import { verifyUndoToken } from '../one-time-tokens/verify-undo-token.ts'
import { route } from '../sessions/route.ts'
import { undoFactor } from './undo-factor.ts'

const summary = 'Undo a change of second factors'

const postUndo = route({
  method: 'POST',
  path: '/api/v1/auth/undo-factor',
  summary,
  description:
    'Takes the token of an email about a factor, within 7 days, and ends every session. An added factor is removed, later changes of factors are reverted, the password is cleared, and an email lets the owner choose a new one. The same happens after the use of a recovery code. A removed factor is restored, and the password stays. The same token again gets the same reply.',
  auth: 'none',
  limits: ['anonymous'],
  body: tokenBody,
  replies: { 204: 'empty' },
  problems: ['INVALID_TOKEN'],
  example: { body: { token: example.token } },
  handle: async (deps, { body, client }) => {
    const done = await undoFactor(deps, { token: body.token, locale: client.locale, origin: client })
    return done instanceof Problem ? done : { status: 204 }
  },
})

const pages = linkRoutes({
  name: 'undo-factor',
  summary,
  button: 'undo_factor',
  show: async (deps, { lang, ...asked }) => {
    const undo = await verifyUndoToken(deps, 'undo_factor', asked.token)
    return undo?.kind === 'factor_removed' ? page(deps, lang, 'undo_factor_removed', asked) : null
  },
  done: { name: 'factor-undone', page: 'undo_factor_done', again: 'undo_factor_again' },
  invalid: 'invalid_undo_factor',
  mayBeInstant: false,
  act: (deps, { token, lang, client }) => undoFactor(deps, { token, locale: lang, origin: client }),
})

export const undoFactorRoutes: Route[] = [postUndo, ...pages]
