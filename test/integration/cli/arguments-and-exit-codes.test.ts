import { randomUUID } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { runCommand, spawnCommand } from './run-command.ts'

const names = [
  'users create',
  'users promote',
  'users demote',
  'users deactivate',
  'users activate',
  'users reset-factors',
  'users import',
  'keys list',
  'keys rotate',
  'keys retire',
  'clients create',
  'clients list',
  'clients add-secret',
  'clients drop-secret',
  'clients revoke',
  'secrets status',
  'emails test',
  'emails failed',
  'emails retry',
  'webhooks send',
]

test('--help → lists every command', async t => {
  const { code, out, err } = await spawnCommand({}, ['--help'])
  t.is(code, 0)
  t.is(err, '')
  const listed = [...out.matchAll(/^ {2}(\w+ [\w-]+)/gm)].map(([, name]) => name)
  t.deepEqual(listed, names)
})

for (const name of names)
  test.serial(`${name} --help without a configuration → exit code 0 and the usage`, async t => {
    const { code, out } = await runCommand({}, [...name.split(' '), '--help'])
    t.is(code, 0)
    t.true(out.startsWith(`Usage: latchkey ${name}`), out)
  })

test('--help of a command group → lists only its commands', async t => {
  const { code, out } = await runCommand({}, ['emails', '--help'])
  t.is(code, 0)
  t.true(out.startsWith('Usage: latchkey emails <command> [options]\n'), out)
  t.regex(out, /emails test/)
  t.notRegex(out, /users|keys/)
})

test('unknown command → exit code 64 and the usage', async t => {
  for (const args of [[], ['nonsense'], ['nonsense', '--help'], ['users', 'nonsense'], ['users']]) {
    const { code, out, err } = await runCommand({}, args)
    t.is(code, 64, args.join(' '))
    t.is(out, '')
    t.regex(err, /Usage: latchkey/)
  }
})

test('command group without a command → exit code 64, and the error says that the command is missing', async t => {
  for (const group of ['keys', 'clients', 'secrets']) {
    const { code, err } = await runCommand({}, [group])
    t.is(code, 64, group)
    t.true(
      err.startsWith(`No command was given after "${group}".\n\nUsage: latchkey ${group} <command>`),
      err,
    )
  }
})

test('process without a command → exit code 64 and the usage', async t => {
  const { code, out, err } = await spawnCommand({}, [])
  t.is(code, 64)
  t.is(out, '')
  t.regex(err, /Usage: latchkey/)
})

test('every command in the README and the docs → its arguments are valid', async t => {
  const root = join(import.meta.dirname, '../../..')
  const lines = globSync(['README.md', 'docs/*.md'], { cwd: root }).flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/npx latchkey ([a-z-][^#`|\n]*)/g)].map(
      ([, args = '']) =>
        args
          .trim()
          .replaceAll('$ID', randomUUID())
          .replace(/\)$/, '') // the end of `$(…)`
          .replaceAll(/\$[A-Z]+/g, 'ada@example.com')
          .replaceAll(/<kid>|k4\.pid\.\w+…/g, `k4.pid.${'A'.repeat(44)}`)
          .replaceAll('<id>', `lkc_${'0'.repeat(32)}`)
          .replaceAll('<prefix>', 'lks_00000000'),
    ),
  )
  t.true(lines.length > 10)
  for (const line of lines) {
    const { code } = await runCommand({}, line.split(' '))
    // Invalid arguments (64) are reported before a missing configuration (78).
    t.is(code, line.includes('--help') ? 0 : 78, line)
  }
})

test('invalid arguments → exit code 64, and their values are not repeated', async t => {
  const secret = 'canary-4711'
  const invalid = [
    ['users', 'create'],
    ['users', 'create', secret],
    ['users', 'create', 'ada@example.com', secret],
    ['users', 'create', 'ada@example.com', `--password=${secret}`],
    ['users', 'create', 'ada@example.com', '--password', secret],
    ['users', 'create', 'ada@example.com', '--name', `${secret}\nx`],
    ['emails', 'retry', secret],
    ['emails', 'failed', '--limit', secret],
    ['keys', 'list', secret],
  ]
  for (const args of invalid) {
    const { code, out, err } = await runCommand({}, args)
    t.is(code, 64, args.join(' '))
    t.false((out + err).includes('canary'), args.join(' '))
  }
})

test('invalid configuration → exit code 78, and every wrong variable is named', async t => {
  const { code, err } = await spawnCommand({ APP_SECRET: 'short' }, ['users', 'promote', 'ada@example.com'])
  t.is(code, 78)
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'APP_SECRET']) t.regex(err, new RegExp(name))
  t.regex(err, /Or start the service with `npm start`/)
})

test('Postgres is unreachable → exit code 69', async t => {
  const env = {
    NODE_ENV: 'test',
    DATABASE_URL: 'postgres://none@127.0.0.1:1/none',
    APP_SECRET: 'x'.repeat(32),
  }
  const { code, err } = await spawnCommand(env, ['keys', 'list'])
  t.is(code, 69)
  t.regex(err, /ECONNREFUSED/)
})

const services = [
  "NODE_ENV='test'",
  "DATABASE_URL='postgres://none@127.0.0.1:1/none'",
  "REDIS_URL='redis://127.0.0.1:1'",
  `APP_SECRET='${'x'.repeat(32)}'`,
  '',
].join('\n')

test('`npm start` was killed → a command ignores the services that it left behind', async t => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-state-'))
  const file = join(folder.path, 'env')
  await writeFile(file, `# Process ${process.pid}, started: long ago\n${services}`)
  const { code, err } = await spawnCommand({ LATCHKEY_STATE: folder.path }, ['keys', 'list'])
  t.is(code, 78)
  t.regex(err, /DATABASE_URL is not set/)
})

test('`.env` and the environment set the same variable → the environment wins', async t => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-folder-'))
  await writeFile(join(folder.path, '.env'), services)
  const invalid = { DATABASE_URL: 'mysql://127.0.0.1' }
  const { code, err } = await spawnCommand(invalid, ['keys', 'list'], { cwd: folder.path })
  t.is(code, 78)
  t.regex(err, /DATABASE_URL must/)
  t.notRegex(err, /APP_SECRET/, 'variables that the environment lacks come from `.env`')
})
