import * as v from 'valibot'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { shopProblem } from '../catalog/problems.ts'
import { shopConfig } from '../catalog/variables.ts'
import { route } from '../http/route.ts'
import { eventExample } from './examples.ts'
import { processEvent } from './process-event.ts'
import { readEvent } from './read-event.ts'
import { verifySignature } from './verify-signature.ts'

const optionalText = v.exactOptional(v.string())

const postEvent = route({
  method: 'POST',
  path: '/api/v1/webhooks/recurrente',
  summary: 'Process an event of the payment gateway',
  description:
    'Signed over the bytes of the body, as Standard Webhooks defines. An event is processed once, by its id. `204` means that all of its effects are stored, now or at an earlier delivery. An event of an unknown type is stored without an effect.',
  auth: 'none',
  limits: ['webhook'],
  accepts: 'raw',
  headers: v.object({
    'svix-id': optionalText,
    'svix-timestamp': optionalText,
    'svix-signature': optionalText,
    'webhook-id': optionalText,
    'webhook-timestamp': optionalText,
    'webhook-signature': optionalText,
  }),
  body: v.instance(Uint8Array),
  replies: { 204: 'empty' },
  problems: ['INVALID_SIGNATURE', 'VALIDATION_ERROR'],
  example: { body: eventExample },
  handle: async (deps, { headers, body }) => {
    const by = headers['svix-id'] === undefined ? 'webhook' : 'svix'
    const id = headers[`${by}-id`]
    const signed = { id, timestamp: headers[`${by}-timestamp`], signature: headers[`${by}-signature`] }
    const secrets = shopConfig(deps.config).RECURRENTE_WEBHOOK_SECRET ?? []
    if (id === undefined || !verifySignature(secrets, signed, body)) return shopProblem('INVALID_SIGNATURE')
    const event = readEvent(Buffer.from(body).toString())
    if (!event) return new Problem('VALIDATION_ERROR')
    await processEvent(deps, { id, ...event })
    return { status: 204 }
  },
})

export const webhookRoutes: Route[] = [postEvent]
