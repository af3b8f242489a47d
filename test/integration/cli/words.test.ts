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
  'users import',
  'keys list',
  'emails test',
  'emails failed',
  'emails retry',
  'webhooks send',
]

test('the help lists every command', async t => {
  const { code, out, err } = await spawnCommand({}, ['--help'])
  t.is(code, 0)
  t.is(err, '')
  const listed = [...out.matchAll(/^ {2}(\w+ \w+)/gm)].map(([, name]) => name)
  t.deepEqual(listed, names)
})

for (const name of names)
  test.serial(`${name} explains itself without a configuration`, async t => {
    const { code, out } = await runCommand({}, [...name.split(' '), '--help'])
    t.is(code, 0)
    t.true(out.startsWith(`Usage: latchkey ${name}`), out)
  })

test('the help of a group lists that group', async t => {
  const { code, out } = await runCommand({}, ['emails', '--help'])
  t.is(code, 0)
  t.true(out.startsWith('Usage: latchkey emails <command> [options]\n'), out)
  t.regex(out, /emails test/)
  t.notRegex(out, /users|keys/)
})

test('words that are no command end with 64 and show what there is', async t => {
  for (const words of [[], ['nonsense'], ['nonsense', '--help'], ['users', 'nonsense'], ['users']]) {
    const { code, out, err } = await runCommand({}, words)
    t.is(code, 64, words.join(' '))
    t.is(out, '')
    t.regex(err, /Usage: latchkey/)
  }
})

test('a process without a command ends with 64 and shows what there is', async t => {
  const { code, out, err } = await spawnCommand({}, [])
  t.is(code, 64)
  t.is(out, '')
  t.regex(err, /Usage: latchkey/)
})

test('each command of the README and the docs → its words are right', async t => {
  const root = join(import.meta.dirname, '../../..')
  const lines = globSync(['README.md', 'docs/*.md'], { cwd: root }).flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/npx latchkey ([a-z-][^#`|\n]*)/g)].map(
      ([, words = '']) =>
        words
          .trim()
          .replaceAll('$ID', randomUUID())
          .replaceAll(/\$[A-Z]+/g, 'ada@example.com'),
    ),
  )
  t.true(lines.length > 10)
  for (const line of lines) {
    const { code } = await runCommand({}, line.split(' '))
    // Words that are wrong are reported before a configuration that is missing.
    t.is(code, line.includes('--help') ? 0 : 78, line)
  }
})

test('wrong arguments end with 64, and none of their values is repeated', async t => {
  const secret = 'canary-4711'
  const wrong = [
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
  for (const words of wrong) {
    const { code, out, err } = await runCommand({}, words)
    t.is(code, 64, words.join(' '))
    t.false((out + err).includes('canary'), words.join(' '))
  }
})

test('a wrong configuration ends with 78 and names every fault', async t => {
  const { code, err } = await spawnCommand({ APP_SECRET: 'short' }, ['users', 'promote', 'ada@example.com'])
  t.is(code, 78)
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'APP_SECRET']) t.regex(err, new RegExp(name))
})

test('a store that does not answer ends with 69', async t => {
  const env = {
    NODE_ENV: 'test',
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    APP_SECRET: 'x'.repeat(32),
  }
  const { code, err } = await spawnCommand(env, ['keys', 'list'])
  t.is(code, 69)
  t.regex(err, /ECONNREFUSED/)
})

const services = [
  "NODE_ENV='test'",
  "DATABASE_URL='postgres://nobody@127.0.0.1:1/none'",
  "REDIS_URL='redis://127.0.0.1:1'",
  `APP_SECRET='${'x'.repeat(32)}'`,
  '',
].join('\n')

test('an `npm start` was killed → a command ignores the services that it left behind', async t => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-state-'))
  const file = join(folder.path, 'env')
  await writeFile(file, `# Process ${process.pid}, started: long ago\n${services}`)
  const { code, err } = await spawnCommand({ LATCHKEY_STATE: folder.path }, ['keys', 'list'])
  t.is(code, 78)
  t.regex(err, /DATABASE_URL is not set/)
})

test('`.env` of the current folder names other services → those of the environment are used', async t => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-folder-'))
  await writeFile(join(folder.path, '.env'), services)
  const wrong = { DATABASE_URL: 'mysql://127.0.0.1' }
  const { code, err } = await spawnCommand(wrong, ['keys', 'list'], { cwd: folder.path })
  t.is(code, 78)
  t.regex(err, /DATABASE_URL must/)
  t.notRegex(err, /APP_SECRET/, 'what the environment does not name comes from `.env`')
})
