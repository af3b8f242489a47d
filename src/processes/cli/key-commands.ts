import { type Command, command, done } from './command.ts'
import { columns } from './help.ts'

const list = command({
  name: 'keys list',
  summary: 'List the keys that sign access tokens',
  description: 'The newest comes first. Secret keys are not printed.',
  arguments: {},
  options: {},
  needs: 'database',
  run: async ({ database }) => {
    const { SigningKeys } = await import('../../features/signing-keys/entity.ts')
    const rows = await database.getRepository(SigningKeys).find({
      select: { kid: true, public_key: true, status: true, not_before: true, not_after: true },
      order: { created_at: 'DESC' },
    })
    const keys = rows.map(row => ({
      kid: row.kid,
      paserk: row.public_key,
      status: row.status,
      not_before: row.not_before.toISOString(),
      not_after: row.not_after?.toISOString() ?? null,
    }))
    const head = ['KID', 'STATUS', 'NOT BEFORE', 'NOT AFTER']
    const table = keys.map(key => [key.kid, key.status, key.not_before, key.not_after ?? '-'])
    return done(keys, columns([head, ...table]))
  },
})

export const keyCommands: Command[] = [list]
