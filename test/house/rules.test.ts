import { globSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import test from 'ava'
import { longFiles } from '../file-order.ts'
import { layers } from '../layers.ts'
import { layerHeight, layerOf } from './levels.ts'
import { root, type Source, sources } from './source.ts'

const src = sources('src/**/*.ts')
// The types of the client are derived from the routes.
const packages = sources('packages/*/src/**/*.ts').filter(({ path }) => !path.endsWith('/api-types.ts'))
const scripts = sources('src/**/*.lua')
const migrations = sources('migrations/*.ts')
const written = [...src, ...packages, ...scripts, ...migrations, ...sources('templates/**/*', 'test/**/*.ts')]

const below = (file: Source): boolean =>
  layerHeight(layerOf(file.path) ?? 'processes') < layerHeight('routes')
const paths = (files: Pick<Source, 'path'>[]): string[] => files.map(({ path }) => path)

/** Files of over 120 lines. Split a new one in two instead of raising this number. */
const maxLongFiles = 16

test('no file is longer than 200 lines, and at most 16 are longer than 120', t => {
  const files = [...src, ...packages]
  t.deepEqual(paths(files.filter(({ lines }) => lines > 200)), [])
  const long = paths(files.filter(({ lines }) => lines > 120))
  t.true(long.length <= maxLongFiles, long.join(' '))
})

test('no file or folder has a catch-all name such as utils, helpers or common', t => {
  const drawer = /^(.*-)?(utils?|helpers?|index|service|manager|common|misc)\.\w+$|^rules\.ts$/
  const folder = /(^|\/)(utils?|helpers?|services?|managers?|common|misc)\//
  const files = [...src, ...packages, ...scripts]
  t.deepEqual(paths(files.filter(({ path }) => drawer.test(basename(path)) || folder.test(path))), [])
})

test('Problem and the errors of packages are the only classes', t => {
  const classes = [...src, ...packages].flatMap(({ path, code }) =>
    [...code.matchAll(/\bclass\s+(?!=)(\w+|\{)/g)].map(([, name]) => `${path} ${name}`),
  )
  const errors = /^packages\/\S+-error\.ts \w+Error$/
  t.deepEqual(
    classes.filter(name => !errors.test(name)),
    ['src/platform/catalog/problems.ts Problem'],
  )
})

test('a problem is returned as a value and never thrown', t => {
  t.deepEqual(paths(src.filter(({ code }) => /throw\s+new\s+Problem\b/.test(code))), [])
})

test('only problem-json.ts and oauth-json.ts turn a problem into a reply', t => {
  const naming = (word: RegExp) => paths(src.filter(({ code }) => word.test(code)))
  t.deepEqual(naming(/application\/problem\+json/), [
    'src/platform/api-docs/openapi-problem-replies.ts',
    'src/platform/http/problem-json.ts',
  ])
  t.deepEqual(naming(/\bdefinition\b.*\}: Problem\b|\.definition\.status\b/), [
    'src/platform/http/oauth-json.ts',
    'src/platform/http/problem-json.ts',
    'src/processes/cli/user-commands.ts',
  ])
  t.deepEqual(naming(/\bproblemJson\b/), [
    'src/platform/http/on-client-error.ts',
    'src/platform/http/problem-json.ts',
    'src/platform/http/send-problem.ts',
  ])
  t.deepEqual(naming(/\boauthJson\b/), [
    'src/platform/http/oauth-json.ts',
    'src/platform/http/on-client-error.ts',
    'src/platform/http/send-problem.ts',
  ])
})

test('files below the routes layer do not use HTTP', t => {
  const http = /\bctx\b|from 'koa|from '@koa|from 'node:http'/
  t.deepEqual(paths(src.filter(file => below(file) && http.test(file.code))), [])
})

test('only the processes layer reads process.env', t => {
  const readers = src.filter(({ code }) => /\bprocess\.env\b/.test(code))
  t.deepEqual(paths(readers.filter(({ path }) => layerOf(path) !== 'processes')), [])
})

test('each verb file exports one function, named after the file', t => {
  const verbs = src.filter(
    ({ path }) => layerOf(path) === 'verbs' && !path.startsWith('src/features/mail-delivery/'),
  )
  t.true(verbs.length > 0)
  for (const { path, code } of verbs) {
    const verb = basename(path, '.ts').replace(/-./g, found => found.charAt(1).toUpperCase())
    const exported = [...code.matchAll(/^export (?:async )?(?:const|let|function\*?) (\w+)/gm)]
    t.deepEqual(
      exported.map(([, name]) => name),
      [verb],
      path,
    )
    t.notRegex(code, /^export (default|\{|\*)/m, path)
  }
})

test('each Lua script is loaded once, by a store in its folder', t => {
  t.true(scripts.length > 0)
  const loads = src.flatMap(({ path, code }) =>
    [...code.matchAll(/script\(import\.meta\.dirname, '([\w-]+\.lua)'\)/g)].map(([, name]) => ({
      path,
      script: `${dirname(path)}/${name}`,
    })),
  )
  t.deepEqual(paths(loads.filter(({ path }) => layerOf(path) !== 'stores')), [])
  t.deepEqual(loads.map(({ script }) => script).sort(), paths(scripts).sort())
})

// A transaction holds one of a few connections. Waiting for Redis or for a hash inside it delays every other request.
test('no transaction hashes a password or waits for Redis, the queue or SMTP', t => {
  const inside = (code: string): string[] =>
    [...code.matchAll(/\.transaction\(async \w+ => \{/g)].map(({ index }) => {
      let depth = 0
      for (let at = code.indexOf('{', index); ; at++) {
        if (code[at] === '{') depth++
        if (code[at] === '}') depth--
        if (depth === 0 || at > code.length) return code.slice(index, at)
      }
    })
  const transactions = src.flatMap(({ path, code }) => inside(code).map(text => ({ path, text })))
  t.true(transactions.length >= 10)
  const elsewhere =
    /hasher|comparePassword|verifyCurrentPassword|startDelivery|delete(Sessions|Devices|UserTokens)|resetAttempts|startSession|\bredis\b|\bqueue\b|transport|sleep|fetch\(/
  t.deepEqual(
    transactions.filter(({ text }) => elsewhere.test(text)).map(({ path }) => path),
    [],
  )
})

test('no file holds a to-do note or silences a checker', t => {
  const words = [
    'TO' + 'DO',
    'FIX' + 'ME',
    'X' + 'XX',
    '@ts-' + '\\w+',
    'biome-' + 'ignore',
    'eslint-' + 'disable',
  ]
  const shape = new RegExp(`(?<!\\w)(${words.join('|')})(?!\\w)`)
  t.deepEqual(paths(written.filter(({ text }) => shape.test(text))), [])
})

test('every test file belongs to a layer of the test run', t => {
  const named = layers.all?.flatMap(({ files }) => files) ?? []
  const run = new Set(named.flatMap(glob => globSync(glob, { cwd: root })))
  t.true(run.size > 50)
  t.deepEqual(
    globSync('test/**/*.test.ts', { cwd: root }).filter(path => !run.has(path)),
    [],
  )
})

test('every file that starts first because it takes long exists', t => {
  const written = new Set(globSync('test/**/*.test.ts', { cwd: root }))
  t.deepEqual(
    longFiles.filter(path => !written.has(path)),
    [],
  )
})
