import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { hash } from 'bcrypt'
import { anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { runCommand } from './run-command.ts'

const world = await openWorld()
const { client, env, sql } = world
const folder = await mkdtemp(join(tmpdir(), 'latchkey-import-'))
test.after.always(async () => {
  await rm(folder, { recursive: true, force: true })
  await world[Symbol.asyncDispose]()
})

const fileOf = async (name: string, lines: unknown[]): Promise<string> => {
  const path = join(folder, name)
  await writeFile(
    path,
    lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  )
  return path
}

const countOf = async (emails: string[]): Promise<number> =>
  (await sql('SELECT 1 FROM users WHERE email = ANY($1)', [emails])).length

test('a dry run says what an import does, and writes nothing', async t => {
  const [newcomer, other, known] = [anEmail(), anEmail(), anEmail()]
  t.true((await client.post('register', { email: known, password })).status < 300)
  const path = await fileOf('mixed.jsonl', [
    { email: newcomer, password_hash: await hash(password, 4), email_verified: true },
    { email: known },
    { email: 'canary-address', full_name: 'Ada' },
    '{"email": ',
    { email: other, roles: ['user'] },
  ])
  const run = (...more: string[]) => runCommand(env, ['users', 'import', path, '--json', ...more])

  const dry = await run('--dry-run')
  t.is(await countOf([newcomer, other]), 0)
  t.like(dry.json, { imported: 2, existing: 1, dry_run: true })
  t.deepEqual(
    dry.json.refused.map(({ line }: { line: number }) => line),
    [3, 4],
  )
  t.is(dry.code, 1, 'a refused line is told by the exit code')
  t.false((dry.out + dry.err).includes('canary'))

  const wet = await run()
  t.like(wet.json, { imported: 2, existing: 1, dry_run: false, refused: dry.json.refused })
  t.is(await countOf([newcomer, other]), 2)
  t.is((await client.post('login', { email: newcomer, password })).status, 200)

  t.like((await run()).json, { imported: 0, existing: 3 })
})

test('a file without a fault ends with 0, and shows no progress where there is no terminal', async t => {
  const path = await fileOf('good.jsonl', [{ email: anEmail() }])
  const { code, out, err } = await runCommand(env, ['users', 'import', path])
  t.is(code, 0)
  t.is(out, '1 were imported, 0 had an account, 0 refused.\n')
  t.is(err, '')
})

test('a file that is not there is refused', async t => {
  const { code, err } = await runCommand(env, ['users', 'import', join(folder, 'none.jsonl')])
  t.is(code, 1)
  t.regex(err, /ENOENT/)
})

test('a folder is refused', async t => {
  const { code } = await runCommand(env, ['users', 'import', folder])
  t.is(code, 1)
})
