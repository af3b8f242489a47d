import { type FileHandle, open } from 'node:fs/promises'
import * as v from 'valibot'
import { type Command, command, done, operator, refused } from './command.ts'
import { openProgress } from './progress.ts'

const importAccounts = command({
  name: 'users import',
  summary: 'Take over the accounts of another system',
  description:
    'One JSON object a line: email, and where known password_hash (bcrypt, argon2, scrypt, PBKDF2; also as Django, Werkzeug and ASP.NET Core Identity write them), email_verified, full_name, phone, address, preferred_language, roles, created_at. Nobody is mailed. An address that has an account is left alone, so the same file can be imported again. Ends with 1 where a line is refused; the others are imported.',
  arguments: {
    file: { schema: v.pipe(v.string(), v.minLength(1, 'must be a file')), help: 'JSON Lines, in UTF-8' },
  },
  options: { 'dry-run': { help: 'say what would happen, and write nothing' } },
  needs: 'database',
  run: async (deps, { arguments: { file }, options }, { stderr }) => {
    const { importUsers } = await import('../../features/user-import/import-users.ts')
    const dryRun = options['dry-run']
    const found = await opened(file)
    if (typeof found === 'string') return refused('NOT_FOUND', `The file cannot be read: ${found}.`)
    const { readLines } = await import('../../features/user-import/read-lines.ts')
    const stream = found.handle.createReadStream()
    using progress = openProgress(stderr, found.size, () => stream.bytesRead)
    const result = await importUsers(deps, readLines(stream), {
      dryRun,
      origin: operator.origin,
      onProgress: progress.draw,
    })

    const { imported, existing, refused: bad, unlisted = 0 } = result
    const counts = `${imported} ${dryRun ? 'would be' : 'were'} imported, ${existing} had an account, ${bad.length + unlisted} refused.`
    const listed = bad.map(({ line, reason }) => `line ${line}: ${reason}\n`).join('')
    const reasons = unlisted > 0 ? `${listed}${unlisted} more lines are not listed.\n` : listed
    const data = { ...result, dry_run: dryRun }
    return { ...done(data, reasons + counts), ok: bad.length === 0 }
  },
})

const opened = async (file: string): Promise<{ handle: FileHandle; size: number } | string> => {
  try {
    const handle = await open(file)
    const stat = await handle.stat()
    if (!stat.isDirectory()) return { handle, size: stat.size }
    await handle.close()
    return 'EISDIR'
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code ?? 'unreadable'
  }
}

export const importCommands: Command[] = [importAccounts]
