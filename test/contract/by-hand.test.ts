import { readFileSync } from 'node:fs'
import test from 'ava'
import { routes } from '../../src/routes.ts'

const page = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

// What the pages write for the beginning of an address, and for an id.
const short: [RegExp, string][] = [
  [/\$API\b/g, '/api/v1/auth'],
  [/\$ADMIN\b/g, '/api/v1/admin'],
  [/\$BASE\b/g, ''],
  [/\/\$(?:\w+|\([^)]*\))/g, '/:id'],
]

const calls = [page('README.md'), page('docs/by-hand.md')]
  .join('\n')
  .split('\n')
  .filter(line => /\b(call|curl) /.test(line))
  .map(line => short.reduce((text, [from, to]) => text.replace(from, to), line))

const methodOf = (call: string): string => / -X (\w+)/.exec(call)?.[1] ?? (/ -d /.test(call) ? 'POST' : 'GET')

test('each route that speaks JSON is called by hand', t => {
  const spoken = routes(() => false).filter(({ replies, accepts }) => {
    const isPage = Object.values(replies).some(reply => reply === 'html')
    return !isPage && accepts !== 'form'
  })
  t.true(spoken.length > 20)
  const missing = spoken.filter(
    ({ method, path }) =>
      !calls.some(call => methodOf(call) === method && new RegExp(`${path}(?=[\\s"?]|$)`).test(call)),
  )
  t.deepEqual(
    missing.map(({ method, path }) => `${method} ${path}`),
    [],
  )
})

test('each page behind a mailed link is named', t => {
  const text = page('docs/by-hand.md')
  const pages = routes(() => false).filter(({ replies }) => Object.values(replies).includes('html'))
  t.true(pages.length > 10)
  for (const { path } of pages) t.true(text.includes(`\`${path}\``), path)
})
