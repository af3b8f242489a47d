import type { ClientReply } from '../../features/clients/schemas.ts'
import { clientId, clientName, scopeList, secretPrefix } from '../../features/clients/schemas.ts'
import { type Code, Problem } from '../../platform/catalog/problems.ts'
import { type Command, command, done, type Outcome, operator, refused } from './command.ts'
import { columns } from './help.ts'

const id = { schema: clientId, help: 'the id of the client, such as lkc_019a…' }

const texts: Readonly<Record<string, string>> = {
  NOT_FOUND: 'There is no such client or secret, or the client is revoked.',
  SECRET_LIMIT_REACHED: 'The client has two secrets. Drop the one that is not in use first.',
} satisfies Partial<Record<Code, string>>

const refusal = (problem: Problem): Outcome =>
  refused(problem.code, texts[problem.code] ?? problem.definition.title)

/** The secret stands alone on its line, so that a script can cut it out. */
const shown = (text: string, secret: string): string =>
  `${text}\n\n${secret}\n\nStore the secret now: it is not shown again.`

const create = command({
  name: 'clients create',
  summary: 'Create a machine client and print its secret',
  description: 'Scopes are those of Latchkey, such as users:read, and any of your own services.',
  arguments: { name: { schema: clientName, help: 'a name for people, such as the name of the service' } },
  options: {
    scope: { value: 'scope', schema: scopeList, repeatable: true, help: 'what the client may do' },
  },
  needs: 'database',
  run: async (deps, { arguments: { name }, options: { scope: scopes } }) => {
    if (!scopes) return { usageError: 'Give at least one --scope.' }
    const { createClient } = await import('../../features/clients/create-client.ts')
    const { clientView } = await import('../../features/clients/view.ts')
    const made = await createClient(deps, { name, scopes, ...operator })
    if (made instanceof Problem) return refusal(made)
    const { client, prefix, secret } = made
    const secrets = [{ prefix, created_at: client.created_at }]
    const data = { ...clientView({ ...client, secrets }), secret }
    return done(data, shown(`${name} is the client ${client.id}. Its secret:`, secret))
  },
})

const row = (client: ClientReply): string[] => [
  client.id,
  client.name,
  client.revoked_at ? 'revoked' : client.secrets.map(({ prefix }) => prefix).join(' ') || 'none',
  client.last_used_at ?? '-',
  client.scopes.join(' '),
]

const list = command({
  name: 'clients list',
  summary: 'List the machine clients',
  description: 'The newest comes first. Of a secret, only its beginning is known.',
  arguments: {},
  options: {},
  needs: 'database',
  run: async deps => {
    const { listClients } = await import('../../features/clients/list-clients.ts')
    const { clientView } = await import('../../features/clients/view.ts')
    const clients: ClientReply[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await listClients(deps, { limit: 100, ...(cursor && { cursor }) })
      clients.push(...page.slice(0, 100).map(clientView))
      if (page.length <= 100) break
      cursor = clients.at(-1)?.id
    }
    const head = ['ID', 'NAME', 'SECRETS', 'LAST USED', 'SCOPES']
    const text = clients.length === 0 ? 'There are no clients.' : columns([head, ...clients.map(row)])
    return done(clients, text)
  },
})

const addSecret = command({
  name: 'clients add-secret',
  summary: 'Add a second secret to a machine client and print it',
  description: 'Give it to the client, then drop the first one: so a secret is replaced without an outage.',
  arguments: { id },
  options: {},
  needs: 'database',
  run: async (deps, { arguments: { id } }) => {
    const { addClientSecret } = await import('../../features/clients/add-client-secret.ts')
    const added = await addClientSecret(deps, { clientId: id, ...operator })
    if (added instanceof Problem) return refusal(added)
    const { prefix, secret, createdAt } = added
    const data = { prefix, created_at: createdAt.toISOString(), secret }
    return done(data, shown(`The new secret of ${id}:`, secret))
  },
})

const dropSecret = command({
  name: 'clients drop-secret',
  summary: 'Drop a secret of a machine client at once',
  description: 'Tokens that it has live until they expire. To end them too, revoke the client.',
  arguments: { id, prefix: { schema: secretPrefix, help: 'the first twelve characters of the secret' } },
  options: {},
  needs: 'database',
  run: async (deps, { arguments: { id, prefix } }) => {
    const { dropClientSecret } = await import('../../features/clients/drop-client-secret.ts')
    const problem = await dropClientSecret(deps, { clientId: id, prefix, ...operator })
    return problem ? refusal(problem) : done({ id, dropped: prefix }, `The secret ${prefix}… is dropped.`)
  },
})

const revoke = command({
  name: 'clients revoke',
  summary: 'Revoke a machine client permanently',
  description:
    'Latchkey refuses its secrets and tokens at once. Other services accept a token until it expires, unless they follow the revocations.',
  arguments: { id },
  options: {},
  needs: 'everything',
  run: async (deps, { arguments: { id } }) => {
    const { revokeClient } = await import('../../features/clients/revoke-client.ts')
    const problem = await revokeClient(deps, { clientId: id, ...operator })
    return problem ? refusal(problem) : done({ id, revoked: true }, `${id} is revoked.`)
  },
})

export const clientCommands: Command[] = [create, list, addSecret, dropSecret, revoke]
