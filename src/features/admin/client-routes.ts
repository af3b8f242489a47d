import * as v from 'valibot'
import { pageOf, pageQueryOf, pageReply } from '../../platform/base/pagination.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clientIdShape } from '../../platform/crypto/client-secret.ts'
import type { Route } from '../../platform/http/route.ts'
import { addClientSecret } from '../clients/add-client-secret.ts'
import { createClient } from '../clients/create-client.ts'
import { dropClientSecret } from '../clients/drop-client-secret.ts'
import { listClients } from '../clients/list-clients.ts'
import { rememberNewSecret } from '../clients/remember-new-secret.ts'
import { revokeClient } from '../clients/revoke-client.ts'
import {
  clientId,
  clientName,
  clientReply,
  newClientReply,
  newSecretReply,
  scopeList,
  secretPrefix,
} from '../clients/schemas.ts'
import { clientView } from '../clients/view.ts'
import { route } from '../sessions/route.ts'
import { clientExample, newSecretExample } from './examples.ts'

const reading = { auth: 'admin', scope: 'clients:read', limits: ['bearer'] } as const
const writing = { auth: 'admin', scope: 'clients:write', fresh: true, limits: ['bearer'] } as const

const byId = v.strictObject({ id: clientId })

const getClients = route({
  ...reading,
  method: 'GET',
  path: '/api/v1/admin/clients',
  summary: 'List machine clients',
  description: 'Newest first, also revoked ones. Of a secret, only its beginning is known.',
  query: v.strictObject(pageQueryOf(clientIdShape)),
  replies: { 200: pageReply(clientReply) },
  problems: ['VALIDATION_ERROR'],
  example: { query: { limit: '50' }, reply: { data: [clientExample], next_cursor: null } },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listClients(deps, query), query, clientView),
  }),
})

const postClient = route({
  ...writing,
  method: 'POST',
  path: '/api/v1/admin/clients',
  summary: 'Create a machine client',
  description:
    'The reply is the only place that shows the secret. Scopes are those of Latchkey, and any of your own services. A machine client can grant only scopes that it has itself.',
  body: v.strictObject({ name: clientName, scopes: scopeList }),
  replies: { 201: newClientReply },
  problems: ['INSUFFICIENT_SCOPE', 'INVALID_TOKEN', 'FORBIDDEN'],
  example: {
    body: { name: clientExample.name, scopes: clientExample.scopes },
    reply: { ...clientExample, secret: newSecretExample.secret },
  },
  handle: async (deps, { body, actor, machine }) => {
    const created = await createClient(deps, { ...body, ...actor, machine })
    if (created instanceof Problem) return created
    const { client, prefix, secret } = created
    await rememberNewSecret(deps, { clientId: client.id, secret })
    const secrets = [{ prefix, created_at: client.created_at }]
    return { status: 201, body: { ...clientView({ ...client, secrets }), secret } }
  },
})

const postSecret = route({
  ...writing,
  method: 'POST',
  path: '/api/v1/admin/clients/:id/secrets',
  summary: 'Add a secret to a machine client',
  description:
    'A client has up to two secrets, so that one can be replaced without an outage: add one, give it to the client, drop the old one. The reply is the only place that shows it.',
  params: byId,
  replies: { 201: newSecretReply },
  problems: ['NOT_FOUND', 'INSUFFICIENT_SCOPE', 'INVALID_TOKEN', 'FORBIDDEN', 'SECRET_LIMIT_REACHED'],
  example: { params: { id: clientExample.id }, reply: newSecretExample },
  handle: async (deps, { params, actor, machine }) => {
    const added = await addClientSecret(deps, { clientId: params.id, ...actor, machine })
    if (added instanceof Problem) return added
    const { prefix, secret, createdAt } = added
    await rememberNewSecret(deps, { clientId: params.id, secret })
    return { status: 201, body: { prefix, created_at: createdAt.toISOString(), secret } }
  },
})

const deleteSecret = route({
  ...writing,
  method: 'DELETE',
  path: '/api/v1/admin/clients/:id/secrets/:prefix',
  summary: 'Drop a secret of a machine client',
  description:
    'It is refused at once. A client without a secret gets no new token until one is added. Tokens that it has live until they expire.',
  params: v.strictObject({ id: clientId, prefix: secretPrefix }),
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'INSUFFICIENT_SCOPE', 'INVALID_TOKEN', 'FORBIDDEN'],
  example: { params: { id: clientExample.id, prefix: newSecretExample.prefix } },
  handle: async (deps, { params, actor, machine }) => {
    const action = { clientId: params.id, prefix: params.prefix, ...actor, machine }
    return (await dropClientSecret(deps, action)) ?? { status: 204 }
  },
})

const deleteClient = route({
  ...writing,
  method: 'DELETE',
  path: '/api/v1/admin/clients/:id',
  summary: 'Revoke a machine client',
  description:
    'Latchkey permanently refuses its secrets and its tokens, at once. A service that verifies tokens offline accepts them until they expire, unless it follows `/.well-known/revocations`.',
  params: byId,
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'INSUFFICIENT_SCOPE', 'INVALID_TOKEN', 'FORBIDDEN'],
  example: { params: { id: clientExample.id } },
  handle: async (deps, { params, actor, machine }) =>
    (await revokeClient(deps, { clientId: params.id, ...actor, machine })) ?? { status: 204 },
})

export const clientRoutes: Route[] = [getClients, postClient, postSecret, deleteSecret, deleteClient]
