import { secretPrefix } from '../../features/clients/schemas.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clientArgument, clientRefusal, showSecret } from './client-words.ts'
import { command, done, operator, refused } from './command.ts'

export const addSecret = command({
  name: 'clients add-secret',
  summary: 'Add a second secret to a machine client and print it',
  description:
    'To replace a secret without an outage, add the new one, give it to every instance of the client, and drop the old one.',
  arguments: { id: clientArgument },
  options: {},
  needs: 'database',
  run: async (deps, { arguments: { id } }) => {
    const { addClientSecret } = await import('../../features/clients/add-client-secret.ts')
    const added = await addClientSecret(deps, { clientId: id, ...operator })
    if (added instanceof Problem) return clientRefusal(added)
    const { prefix, secret, createdAt } = added
    const data = { prefix, created_at: createdAt.toISOString(), secret }
    return done(data, showSecret(`The new secret of ${id}:`, secret))
  },
})

export const dropSecret = command({
  name: 'clients drop-secret',
  summary: 'Drop a secret of a machine client at once',
  description:
    'Tokens that the client already has stay valid until they expire. To end them too, revoke the client.',
  arguments: {
    id: clientArgument,
    prefix: { schema: secretPrefix, help: 'the first twelve characters of the secret' },
  },
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
    return problem
      ? clientRefusal(problem)
      : done({ id, dropped: prefix }, `The secret ${prefix}… is dropped.`)
  },
})
