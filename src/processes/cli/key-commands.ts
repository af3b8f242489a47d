import * as v from 'valibot'
import type { KeyState } from '../../features/signing-keys/types.ts'
import { type Command, command, done, operator, refused } from './command.ts'
import { columns } from './help.ts'

const view = (key: KeyState) => ({
  kid: key.kid,
  paserk: key.public_key,
  status: key.status,
  not_before: key.not_before.toISOString(),
  not_after: key.not_after?.toISOString() ?? null,
})

const list = command({
  name: 'keys list',
  summary: 'List the keys that sign access tokens',
  description:
    'The newest comes first. A published key signs from its NOT BEFORE on, and a retiring key is retired at its NOT AFTER. Secret keys are not printed.',
  arguments: {},
  options: {},
  needs: 'database',
  run: async ({ database, clock }) => {
    const { readKeyStates } = await import('../../features/signing-keys/store.ts')
    const keys = (await readKeyStates(database, clock)).keys.toReversed().map(view)
    const head = ['KID', 'STATUS', 'NOT BEFORE', 'NOT AFTER']
    const table = keys.map(key => [key.kid, key.status, key.not_before, key.not_after ?? '-'])
    return done(keys, columns([head, ...table]))
  },
})

const rotate = command({
  name: 'keys rotate',
  summary: 'Replace the key that signs access tokens',
  description:
    'Publishes a new key. A worker lets it sign 15 minutes later, when every service has fetched it. If a key is published already, no other is made. Tokens of the old key stay valid, and sessions continue.',
  arguments: {},
  options: {
    now: { help: 'let the new key sign as soon as every process of Latchkey knows it (about 2 seconds)' },
  },
  needs: 'database',
  run: async (deps, { options: { now } }) => {
    const { rotateKey } = await import('../../features/signing-keys/rotate-key.ts')
    const rotated = await rotateKey(deps, { now, actor: operator })
    if (!rotated)
      return refused('KEY_RETIRED', 'Another command retired the new key. Run this command again.')
    const key = view(rotated.key)
    const what = rotated.isNew ? `${key.kid} is published` : `${key.kid} was published already`
    return done(
      key,
      key.status === 'signing'
        ? `${key.kid} signs from now on. Tokens of the previous key stay valid until they expire.`
        : `${what}. It signs from ${key.not_before} on, if a worker runs.`,
    )
  },
})

const kid = v.pipe(
  v.string(),
  v.regex(/^k4\.pid\.[A-Za-z0-9_-]{44}$/, 'must be the id of a key: k4.pid. and 44 characters'),
)

const retire = command({
  name: 'keys retire',
  summary: 'Stop accepting the tokens of a key',
  description:
    'Use it if the key was stolen. Latchkey refuses the tokens of the key within 5 seconds, and clients get new ones by a refresh. Sessions continue. Your services refuse the tokens when they fetch the keys again, after at most five minutes. If it is the key that signs, a new key replaces it first.',
  arguments: { kid: { schema: kid, help: 'the id of the key, as "keys list" prints it' } },
  options: {},
  needs: 'database',
  run: async (deps, { arguments: { kid } }) => {
    const { retireKey } = await import('../../features/signing-keys/retire-key.ts')
    const retired = await retireKey(deps, { kid, actor: operator })
    if (retired === 'unknown')
      return refused('NOT_FOUND', `There is no key ${kid}. See "latchkey keys list".`)
    const { key, signing, wasRetired } = retired
    const data = { ...view(key), signing_kid: signing?.kid ?? null }
    if (wasRetired) return done(data, `${kid} is retired already.`)
    return done(data, `${kid} is retired.${signing ? ` ${signing.kid} signs.` : ''}`)
  },
})

export const keyCommands: Command[] = [list, rotate, retire]
