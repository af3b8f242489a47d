import type { ClientReply } from '../../features/clients/schemas.ts'
import { clientId, clientName, scopeList, secretPrefix } from '../../features/clients/schemas.ts'
import { type Code, Problem } from '../../platform/catalog/problems.ts'
import { scopes as coreScopes } from '../../platform/catalog/scopes.ts'
import { type Command, command, done, type Outcome, operator, refused } from './command.ts'
import { columns } from './help.ts'
import { scopeLines } from './scope-lines.ts'

const id = { schema: clientId, help: 'the id of the client, such as lkc_019a…' }

const texts: Readonly<Record<string, string>> = {
  NOT_FOUND: 'There is no such client, or it is revoked. See "latchkey clients list".',
  SECRET_LIMIT_REACHED:
    'The client already has two secrets. Drop one of them with "latchkey clients drop-secret", then try again.',
} satisfies Partial<Record<Code, string>>

const refusal = (problem: Problem): Outcome =>
  refused(problem.code, texts[problem.code] ?? problem.definition.title)

/** The secret stands alone on its line, so that a script can cut it out. */
const shown = (text: string, secret: string): string =>
  `${text}\n\n${secret}\n\nStore the secret now: it is not shown again.`

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
    if (made instanceof Problem) return refusal(made)
    const { client, prefix, secret } = made
    const secrets = [{ prefix, created_at: client.created_at }]
    const data = { ...clientView({ ...client, secrets }), secret }
    const { scopes: known } = await import('../../modules.ts')
    const text = `${name} is the client ${client.id}.\n${scopeLines(scopes, known)}Its secret:`
    return done(data, shown(text, secret))
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
  description:
    'To replace a secret without an outage, add the new one, give it to every instance of the client, and drop the old one.',
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
  description:
    'Tokens that the client already has stay valid until they expire. To end them too, revoke the client.',
  arguments: { id, prefix: { schema: secretPrefix, help: 'the first twelve characters of the secret' } },
  options: {},
  needs: 'database',
  run: async (deps, { arguments: { id, prefix } }) => {
    const { dropClientSecret } = await import('../../features/clients/drop-client-secret.ts')
    const problem = await dropClientSecret(deps, { clientId: id, prefix, ...operator })
    if (problem?.code === 'NOT_FOUND')
      return refused(
        'NOT_FOUND',
        'There is no such client or secret, or the client is revoked. See "latchkey clients list".',
      )
    return problem ? refusal(problem) : done({ id, dropped: prefix }, `The secret ${prefix}… is dropped.`)
  },
})

const revoke = command({
  name: 'clients revoke',
  summary: 'Revoke a machine client permanently',
  description:
    'Latchkey refuses its secrets and tokens at once. Other services accept a token until it expires, unless they read the feed of revocations.',
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
