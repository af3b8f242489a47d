import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import test from 'ava'
import { readConfig } from '../../src/base/config.ts'
import { configurationTable, envExample, limitsTable } from '../../src/base/env-example.ts'
import { shopSecrets } from '../../src/base/shop-variables.ts'
import { type VariableName, variables } from '../../src/base/variables.ts'

const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, '../..', name), 'utf8')

const write = (what: string): string =>
  `node -e "import('./src/base/env-example.ts').then(made => process.stdout.write(made.${what}()))"`

test('.env.example is what the catalogue of variables says', async t => {
  t.is(await read('.env.example'), envExample(), `make it anew: ${write('envExample')} > .env.example`)
})

test('.env.example starts the service, and its comments are the defaults', async t => {
  const text = await read('.env.example')
  const plain = readConfig(parseEnv(text), 'worker')
  t.true('config' in plain)
  const uncommented = parseEnv(text.replace(/^# ([A-Z][A-Z_]*=)/gm, '$1'))
  t.deepEqual(Object.keys(uncommented).sort(), Object.keys(variables).sort())
  // These have no default to show, so an example stands there.
  const shown = ['FRONTEND_URL', 'METRICS_PORT', 'RATE_LIMITS', ...shopSecrets]
  const defaults = Object.entries(uncommented).filter(([name]) => !shown.includes(name))
  t.deepEqual(readConfig(Object.fromEntries(defaults), 'worker'), plain)
})

test('.env.example holds nothing that production would accept as a secret', async t => {
  const env = parseEnv(await read('.env.example'))
  const result = readConfig(
    { ...env, NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' },
    'worker',
  )
  t.deepEqual('faults' in result && result.faults, ['APP_SECRET must not be the example'])
})

for (const [marker, what, table] of [
  ['configuration', 'configurationTable', configurationTable()],
  ['limits', 'limitsTable', limitsTable()],
] as const)
  test(`the README has the table of ${marker} as it is`, async t => {
    const found = new RegExp(`<!-- ${marker} -->\n([\\s\\S]*?)<!-- /${marker} -->`).exec(
      await read('README.md'),
    )
    t.is(found?.[1]?.trim(), table, `put this between the markers: ${write(what)}`)
  })

test('no line of a table is broken by its own text', t => {
  for (const row of `${configurationTable()}\n${limitsTable()}`.split('\n'))
    t.is(row.split('|').length, 5, row)
})

test('every variable has words of its own', t => {
  const helps = Object.values(variables).map(({ help }) => help)
  t.is(new Set(helps).size, helps.length)
  for (const name of Object.keys(variables) as VariableName[]) t.regex(variables[name].help, /^\S.*\.$/, name)
})
