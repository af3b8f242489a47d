import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { pageOf, pageQuery, pageReply, timeQuery } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import type { Route } from '../../platform/http/route.ts'
import { clientId } from '../clients/schemas.ts'
import { route } from '../sessions/route.ts'
import { auditEventExample, emailExample } from './examples.ts'
import { listAuditEvents } from './list-audit-events.ts'
import { listEmails } from './list-emails.ts'
import { retryEmail } from './retry-email.ts'
import { auditReply, emailReply, emailStatuses } from './schemas.ts'

const byId = v.strictObject({ id: field.uuid })

const common = { auth: 'admin', limits: ['bearer'] } as const
const changes = { ...common, fresh: true } as const

const getEmails = route({
  ...common,
  scope: 'emails:read',
  method: 'GET',
  path: '/api/v1/admin/emails',
  summary: 'List emails',
  description: 'The delivery log, newest first.',
  query: v.strictObject({
    ...pageQuery,
    status: v.exactOptional(emailStatuses),
    recipient: v.exactOptional(field.email),
  }),
  replies: { 200: pageReply(emailReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', status: 'failed', recipient: example.email },
    reply: { data: [emailExample], next_cursor: null },
  },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listEmails(deps, query), query, email => ({
      ...email,
      created_at: email.created_at.toISOString(),
      sent_at: email.sent_at?.toISOString() ?? null,
    })),
  }),
})

const postRetry = route({
  ...changes,
  scope: 'emails:write',
  method: 'POST',
  path: '/api/v1/admin/emails/:id/retry',
  summary: 'Send a failed email again',
  params: byId,
  replies: { 202: 'empty' },
  problems: ['NOT_FOUND'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, actor }) => {
    const refusal = await retryEmail(deps, { emailId: params.id, ...actor })
    return refusal ?? { status: 202 }
  },
})

const getAuditEvents = (types: readonly string[]) =>
  route({
    ...common,
    scope: 'audit:read',
    method: 'GET',
    path: '/api/v1/admin/audit-events',
    summary: 'List audit events',
    description: 'Newest first.',
    query: v.strictObject({
      ...pageQuery,
      user_id: v.exactOptional(field.uuid),
      actor_client_id: v.exactOptional(clientId),
      type: v.exactOptional(v.picklist(types)),
      from: v.exactOptional(timeQuery),
      to: v.exactOptional(timeQuery),
    }),
    replies: { 200: pageReply(auditReply(types)) },
    problems: ['VALIDATION_ERROR'],
    example: {
      query: {
        limit: '50',
        user_id: example.id,
        actor_client_id: example.clientId,
        type: 'user.registered',
        from: example.time,
        to: example.later,
      },
      reply: { data: [auditEventExample], next_cursor: null },
    },
    handle: async (deps, { query }) => ({
      status: 200,
      body: pageOf(await listAuditEvents(deps, query), query, event => ({
        ...event,
        created_at: event.created_at.toISOString(),
      })),
    }),
  })

/** `auditTypes` are the types of audit event that a client may ask for. */
export const logRoutes = (auditTypes: readonly string[]): Route[] => [
  getEmails,
  postRetry,
  getAuditEvents(auditTypes),
]
