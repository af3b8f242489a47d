import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// What docs/security.md claims is shown by tests that are there. Each is named in the text as `[folder/name]`, and at
// the end by its path.

const page = new URL('../../docs/security.md', import.meta.url)
const text = readFileSync(page, 'utf8')
const lines = text.split('\n')
const rows = lines.filter(line => /^\| (?!---)/.test(line))
const named = [...text.matchAll(/\[([a-z]+\/[\w.-]+)\](?!:)/g)].map(([, name = '']) => name)
const defined = [...text.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name = '', path = '']) => ({
  name,
  path,
}))

/** Folders whose tests are of tools, and of the code as text. */
const ofTools = ['cli', 'house', 'local']

test('every test that the page names is there, under the name that it has', t => {
  t.true(named.length > 100)
  for (const { name, path } of defined) {
    t.is(path, `../test/${name}.test.ts`)
    t.true(existsSync(fileURLToPath(new URL(path, page))), path)
  }
  t.deepEqual([...new Set(named)].sort(), defined.map(({ name }) => name).sort())
})

test('every line of a table names a test, but for those that name its columns', t => {
  const heads = rows.filter(row => row.endsWith('| Shown by |'))
  const claims = rows.filter(row => !heads.includes(row))
  t.true(heads.length >= 9 && claims.length > 100)
  for (const claim of claims) t.regex(claim, /\| (?:\[[a-z]+\/[\w.-]+\] ?)+ ?\|$/)
})

test('every folder of tests has its part in the page, but for those of tools', t => {
  const all = readdirSync(fileURLToPath(new URL('../', import.meta.url)), { withFileTypes: true })
  const folders = all.filter(entry => entry.isDirectory()).map(({ name }) => name)
  const linked = new Set(named.map(name => name.split('/')[0]))
  t.deepEqual(
    folders.filter(name => !linked.has(name) && !ofTools.includes(name)),
    [],
  )
})

test('what norms and advisories are called has the form that they give it', t => {
  const all = (shape: RegExp) => [...text.matchAll(shape)].map(([found]) => found)
  const sections = all(/\bV\d[\w.]*/g).map(found => found.replace(/\.$/, ''))
  t.true(sections.length > 60)
  for (const section of sections) t.regex(section, /^V\d+\.\d+\.\d+$/)
  for (const id of all(/CVE[\w-]+/g)) t.regex(id, /^CVE-\d{4}-\d{4,}$/)
  for (const id of all(/GHSA[\w-]+/g)) t.regex(id, /^GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}$/)
})
