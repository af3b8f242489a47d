import { type FileHandle, open } from 'node:fs/promises'
import * as v from 'valibot'
import { type Command, command, done, operator, refused } from './command.ts'
import { openProgress } from './progress.ts'

const importAccounts = command({
  name: 'users import',
  summary: 'Import accounts from another system',
  description:
    'Each line is one JSON object with email and, if known, password_hash (bcrypt, argon2, scrypt, PBKDF2; also in the formats of Django, Werkzeug and ASP.NET Core Identity), email_verified, full_name, phone, address, preferred_language, roles, created_at. No email is sent. An existing account is not changed, so the same file can be imported again. If a line is refused, the other lines are still imported and the exit code is 1.',
  arguments: {
    file: {
      schema: v.pipe(v.string(), v.minLength(1, 'must be a file')),
      help: 'a JSON Lines file in UTF-8',
    },
  },
  options: { 'dry-run': { help: 'check the file and print the result, but write nothing' } },
  needs: 'database',
  run: async (deps, { arguments: { file }, options }, { stderr }) => {
    const { importUsers } = await import('../../features/user-import/import-users.ts')
    const dryRun = options['dry-run']
    const source = await openFile(file)
    if (typeof source === 'string') return refused('NOT_FOUND', `The file cannot be read: ${source}.`)
    const { splitLines } = await import('../../features/user-import/split-lines.ts')
    const stream = source.handle.createReadStream()
    using progress = openProgress(stderr, source.size, () => stream.bytesRead)
    const result = await importUsers(deps, splitLines(stream), {
      dryRun,
      origin: operator.origin,
      onProgress: progress.draw,
    })

    const { imported, existing, refused: rejected, unlisted = 0 } = result
    const counts = `${imported} ${dryRun ? 'would be' : 'were'} imported, ${existing} had an account already, ${rejected.length + unlisted} refused.`
    const listed = rejected.map(({ line, reason }) => `line ${line}: ${reason}\n`).join('')
    const reasons = unlisted > 0 ? `${listed}${unlisted} more refused lines are not listed.\n` : listed
    const data = { ...result, dry_run: dryRun }
    return { ...done(data, reasons + counts), ok: rejected.length === 0 }
  },
})

const openFile = async (file: string): Promise<{ handle: FileHandle; size: number } | string> => {
  try {
    const handle = await open(file)
    const stat = await handle.stat()
    if (!stat.isDirectory()) return { handle, size: stat.size }
    await handle.close()
    return 'EISDIR'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable'
  }
}

export const importCommands: Command[] = [importAccounts]
