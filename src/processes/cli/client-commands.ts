import type { ClientReply } from '../../features/clients/schemas.ts'
import { clientName, scopeList } from '../../features/clients/schemas.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { scopes as coreScopes } from '../../platform/catalog/scopes.ts'
import { addSecret, dropSecret } from './client-secret-commands.ts'
import { clientArgument, clientRefusal, showSecret } from './client-words.ts'
import { type Command, command, done, operator } from './command.ts'
import { columns } from './help.ts'
import { scopeLines } from './scope-lines.ts'

const create = command({
  name: 'clients create',
  summary: 'Create a machine client and print its secret',
  description: `The scopes of Latchkey are ${Object.keys(coreScopes).join(', ')}. Any other scope, such as orders:read, is for your own services.`,
  arguments: { name: { schema: clientName, help: 'a name for people, such as the name of the service' } },
  options: {
    scope: {
      value: 'scope',
      schema: scopeList,
      repeatable: true,
      help: 'what the client may do: one scope for each --scope',
    },
  },
  needs: 'database',
  run: async (deps, { arguments: { name }, options: { scope: scopes } }) => {
    if (!scopes) return { usageError: 'Give at least one --scope.' }
    const { createClient } = await import('../../features/clients/create-client.ts')
    const { clientView } = await import('../../features/clients/view.ts')
    const made = await createClient(deps, { name, scopes, ...operator })
    if (made instanceof Problem) return clientRefusal(made)
    const { client, prefix, secret } = made
    const secrets = [{ prefix, created_at: client.created_at }]
    const data = { ...clientView({ ...client, secrets }), secret }
    const { scopes: known } = await import('../../modules.ts')
    const text = `${name} is the client ${client.id}.\n${scopeLines(scopes, known)}Its secret:`
    return done(data, showSecret(text, secret))
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

const revoke = command({
  name: 'clients revoke',
  summary: 'Revoke a machine client permanently',
  description:
    'Latchkey refuses its secrets and tokens at once. Other services accept a token until it expires, unless they read the feed of revocations.',
  arguments: { id: clientArgument },
  options: {},
  needs: 'everything',
  run: async (deps, { arguments: { id } }) => {
    const { revokeClient } = await import('../../features/clients/revoke-client.ts')
    const problem = await revokeClient(deps, { clientId: id, ...operator })
    return problem ? clientRefusal(problem) : done({ id, revoked: true }, `${id} is revoked.`)
  },
})

export const clientCommands: Command[] = [create, list, addSecret, dropSecret, revoke]
