import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { pageOf, pageQuery, pageReply, timeQuery } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { auditEventExample, emailExample } from './examples.ts'
import { listAuditEvents } from './list-audit-events.ts'
import { listEmails } from './list-emails.ts'
import { retryEmail } from './retry-email.ts'

const byId = v.strictObject({ id: field.uuid })
const statuses = v.picklist(['queued', 'sent', 'failed', 'dropped'])

const common = { auth: 'admin', limits: ['bearer'] } as const
const changes = { ...common, fresh: true } as const

const emailReply = named('Email', {
  id: v.string(),
  kind: v.string(),
  recipient: v.string(),
  user_id: v.nullable(v.string()),
  locale: v.string(),
  status: statuses,
  attempts: v.number(),
  last_error: v.nullable(v.string()),
  created_at: time,
  sent_at: v.nullable(time),
})

const getEmails = route({
  ...common,
  method: 'GET',
  path: '/api/v1/admin/emails',
  summary: 'List emails',
  description: 'The delivery log, newest first.',
  query: v.strictObject({
    ...pageQuery,
    status: v.exactOptional(statuses),
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
  method: 'POST',
  path: '/api/v1/admin/emails/:id/retry',
  summary: 'Send a failed email again',
  params: byId,
  replies: { 202: 'empty' },
  problems: ['NOT_FOUND'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, user, client }) => {
    const refusal = await retryEmail(deps, { emailId: params.id, actorId: user.id, origin: client })
    return refusal ?? { status: 202 }
  },
})

const auditReply = (types: readonly string[]) =>
  named('AuditEvent', {
    id: v.string(),
    type: v.picklist(types),
    user_id: v.nullable(v.string()),
    actor_id: v.nullable(v.string()),
    session_id: v.nullable(v.string()),
    ip: v.nullable(v.string()),
    user_agent: v.nullable(v.string()),
    data: v.nullable(v.record(v.string(), v.unknown())),
    created_at: time,
  })

const getAuditEvents = (types: readonly string[]) =>
  route({
    ...common,
    method: 'GET',
    path: '/api/v1/admin/audit-events',
    summary: 'List audit events',
    description: 'Newest first.',
    query: v.strictObject({
      ...pageQuery,
      user_id: v.exactOptional(field.uuid),
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
