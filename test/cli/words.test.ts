import test from 'ava'
import { runCommand } from './run-command.ts'

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
  const { code, out, err } = await runCommand({}, ['--help'])
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
  const { code, err } = await runCommand({ APP_SECRET: 'short' }, ['users', 'promote', 'ada@example.com'])
  t.is(code, 78)
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'APP_SECRET']) t.regex(err, new RegExp(name))
})

test('a store that does not answer ends with 69', async t => {
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', APP_SECRET: 'x'.repeat(32) }
  const { code, err } = await runCommand(env, ['keys', 'list'])
  t.is(code, 69)
  t.regex(err, /ECONNREFUSED/)
})
