import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import anyTest from 'ava'
import * as v from 'valibot'
import { counters, problems } from '../../src/modules.ts'
import { gauges, requestSeconds } from '../../src/platform/catalog/metrics.ts'
import type { Route, Schema } from '../../src/platform/http/route.ts'
import { docTables } from '../../src/processes/docs/doc-tables.ts'
import { generatedFiles } from '../../src/processes/docs/generated-docs.ts'
import { anAccount } from '../fixtures.ts'
import { coreRoutes } from '../routes.ts'
import { openWorld } from '../world.ts'

// The documents agree with the code: derived files, sessions, metrics, security, the Postman collection.

const test = anyTest.serial

const world = await openWorld()
const folder = await mkdtemp(join(tmpdir(), 'latchkey-readme-'))
const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = await readFile(join(root, 'docs/tokens.md'), 'utf8')
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  const page = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

  // How the pages abbreviate base paths and ids.
  const short: [RegExp, string][] = [
    [/\$API\b/g, '/api/v1/auth'],
    [/\$ADMIN\b/g, '/api/v1/admin'],
    [/\$BASE\b/g, ''],
    [/\/check\/orders\b/, '/check/:path'],
    [/\/\$PREFIX\b/g, '/:prefix'],
    [/\/\$(?:\w+|\([^)]*\))/g, '/:id'],
  ]

  const callsIn = (text: string): string[] =>
    text
      .split('\n')
      .filter(line => /\b(call|curl) /.test(line))
      .map(line => short.reduce((found, [from, to]) => found.replace(from, to), line))

  const calls = callsIn(`${page('README.md')}\n${page('docs/by-hand.md')}`)
  const sessionOf = (text: string): string =>
    /<!-- session -->([\s\S]*)<!-- \/session -->/.exec(text)?.[1] ?? ''
  const sessionCalls = callsIn(sessionOf(page('docs/by-hand.md')))

  const methodOf = (call: string): string =>
    / -X (\w+)/.exec(call)?.[1] ?? (/ -d /.test(call) ? 'POST' : 'GET')

  const isCallOf = (call: string, { method, path }: Pick<Route, 'method' | 'path'>): boolean =>
    methodOf(call) === method && new RegExp(`${path}(?=[\\s"?]|$)`).test(call)

  /** The JSON body of a call, with a value in place of each variable of the shell. */
  const bodyOf = (call: string): unknown => {
    const [, plain, quoted = '{}'] = / -d (?:'([^']*)'|"((?:\\.|[^"\\])*)")/.exec(call) ?? []
    const text = plain ?? quoted.replaceAll('\\"', '"')
    return JSON.parse(
      text.replace(/\$\([^)]*\)/g, 'lkp_a').replace(/\$(GRACE|HOPPER|ALAN)/g, 'a@example.com'),
    )
  }

  test('a JSON route that neither README.md nor docs/by-hand.md calls → fails', t => {
    const spoken = coreRoutes.filter(({ replies, accepts }) => {
      const isPage = Object.values(replies).some(reply => reply === 'html')
      return !isPage && accepts !== 'form'
    })
    t.true(spoken.length > 20)
    const missing = spoken.filter(route => !calls.some(call => isCallOf(call, route)))
    t.deepEqual(
      missing.map(({ method, path }) => `${method} ${path}`),
      [],
    )
  })

  test('a call in the session of docs/by-hand.md with a body that its route rejects → fails', t => {
    const called = coreRoutes.filter(route => sessionCalls.some(call => isCallOf(call, route)))
    t.true(called.length >= 35, 'the session calls fewer routes than before')
    for (const route of called.filter(({ body }) => body !== undefined)) {
      const own = sessionCalls.filter(call => isCallOf(call, route))
      for (const call of own) t.true(v.safeParse(route.body as Schema, bodyOf(call)).success, call)
    }
  })

  test('docs/coming-from.md → each endpoint, field and code that it maps to exists', async t => {
    const text = page('docs/coming-from.md')
    const cells = text
      .split('\n')
      .filter(line => line.startsWith('| ') && !line.startsWith('| ---'))
      .map(line => line.split('|').at(-2) ?? '')
    const all = cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
    const spoken = coreRoutes.map(({ method, path }) => `${method} ${path}`)
    const endpoints = all.filter(name => /^(GET|POST|PUT|PATCH|DELETE) /.test(name))
    t.true(endpoints.length > 15)
    for (const each of endpoints) {
      const [method = '', path = ''] = each.split(' ')
      const full = path.startsWith('/api/') ? path : `/api/v1/auth${path}`
      t.true(spoken.includes(`${method} ${full}`), each)
    }
    const codes = all.filter(name => /^[A-Z]+(_[A-Z]+)+$/.test(name))
    t.true(codes.length > 6)
    for (const each of codes)
      t.true(
        problems.some(({ code }) => code === each),
        each,
      )
    const { body } = await world.client.get('/openapi.json')
    const fields = all.filter(name => /^[a-z]+(_[a-z]+)+$/.test(name))
    t.true(fields.length > 10)
    for (const each of fields) t.true(JSON.stringify(body).includes(`"${each}"`), each)
  })

  test('a page behind an emailed link that docs/by-hand.md lacks → fails', t => {
    const text = page('docs/by-hand.md')
    const pages = coreRoutes.filter(({ replies }) => Object.values(replies).includes('html'))
    t.true(pages.length > 10)
    for (const { path } of pages) t.true(text.includes(`\`${path}\``), path)
  })
}

{
  const known = [...counters, ...Object.values(gauges), requestSeconds].map(({ name }) => name)

  const namedIn = async (page: string): Promise<Set<string>> => {
    const text = await readFile(join(root, page), 'utf8')
    const written = text.replaceAll(/<!-- generated: [\s\S]*?<!-- \/generated -->/g, '')
    return new Set([...written.matchAll(/`latchkey_(\w+?)(?:_total)?`/g)].map(([, name]) => name ?? ''))
  }

  const pages = globSync(['README.md', 'docs/*.md'], { cwd: root }).sort()

  test('a metric that a page names → it exists', async t => {
    for (const page of pages) {
      const named = await namedIn(page)
      t.deepEqual(
        [...named].filter(name => !known.includes(name)),
        [],
        page,
      )
    }
  })

  test('docs/monitoring.md → says what each metric is for, outside the derived table', async t => {
    const named = await namedIn('docs/monitoring.md')
    t.deepEqual(
      known.filter(name => !named.has(name)),
      [],
    )
  })
}

{
  const files = generatedFiles(root)

  test('a derived file → matches the code, or "npm run docs" has to be run', t => {
    t.true(files.length > 10)
    for (const { path, current, expected } of files) t.true(current === expected, path)
  })

  test('a derived table or file that is out of date → is reported by its path', async t => {
    const copy = await mkdtemp(join(tmpdir(), 'latchkey-docs-'))
    t.teardown(() => rm(copy, { recursive: true }))
    for (const name of ['README.md', 'docs', '.env.example', 'postman', 'packages/client/src'])
      await cp(join(root, name), join(copy, name), { recursive: true })
    const page = join(copy, 'docs/limits.md')
    await writeFile(page, (await readFile(page, 'utf8')).replace('10 / 15 min', '11 / 15 min'))
    await appendFile(join(copy, '.env.example'), 'X=1\n')
    const stale = generatedFiles(copy).filter(({ current, expected }) => current !== expected)
    t.deepEqual(stale.map(({ path }) => path).sort(), ['.env.example', 'docs/limits.md'])
  })

  test('npm run docs:check without a stale file → exits with 0 and prints nothing', t => {
    const script = join(root, 'src/processes/docs/write-docs.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
    t.deepEqual([status, stdout, stderr], [0, '', ''])
  })

  test('a text of a catalogue with a column separator → no row of a derived table breaks', t => {
    for (const [name, rows] of Object.entries(docTables)) {
      const [head = '', ...rest] = rows().split('\n')
      t.true(rest.length > 1, name)
      for (const row of rest) t.is(row.split('|').length, head.split('|').length, row)
    }
  })
}

{
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

  /** The folders that an indented tree names, as paths. */
  const foldersOf = (tree: string): string[] => {
    const parents: string[] = []
    return tree.split('\n').flatMap(line => {
      const [, indent = '', name] = /^( *)([\w-]+)\//.exec(line) ?? []
      if (name === undefined) return []
      const depth = indent.length / 2
      parents.splice(depth, parents.length, name)
      return [parents.join('/')]
    })
  }

  test('the tree of docs/architecture.md → has exactly the folders of src/', t => {
    const [, tree = ''] = /<!-- tree -->\n([\s\S]*?)<!-- \/tree -->/.exec(page) ?? []
    const real = globSync('src/**/*.ts', { cwd: root }).flatMap(file => {
      const parts = dirname(file).split('/')
      return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    })
    t.deepEqual(foldersOf(tree).sort(), [...new Set(real)].sort())
  })

  test('a file that docs/architecture.md names → it exists', t => {
    const named = [...page.matchAll(/`((?:features|platform|shop|processes)\/[\w/-]+\.ts)`/g)]
    t.true(named.length > 15)
    for (const [, file = ''] of named) t.true(existsSync(join(root, 'src', file)), file)
  })
}

{
  const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md'], { cwd: root })

  const slugOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')

  const anchorsOf = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slugOf(heading))

  test('a link between pages → its file and its heading exist', t => {
    t.true(pages.length > 20)
    for (const path of pages) {
      const text = readFileSync(join(root, path), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [to = '', anchor] = target.split('#')
        const file = to === '' ? join(root, path) : join(root, dirname(path), to)
        t.true(existsSync(file), `${path}: ${target}`)
        if (anchor) t.true(anchorsOf(file).includes(anchor), `${path}: ${target}`)
      }
    }
  })

  test('a block of JavaScript in a page → its syntax is valid', t => {
    let count = 0
    for (const path of pages)
      for (const [, code = ''] of readFileSync(join(root, path), 'utf8').matchAll(
        /```(?:js|ts)\n([\s\S]*?)```/g,
      )) {
        count++
        t.notThrows(() => stripTypeScriptTypes(code), path)
      }
    t.true(count > 30)
  })

  test('a page of docs/ → the index links it', t => {
    const index = readFileSync(join(root, 'docs/README.md'), 'utf8')
    for (const path of globSync('docs/*.md', { cwd: root }))
      if (path !== 'docs/README.md') t.true(index.includes(`](${path.slice('docs/'.length)})`), path)
  })

  test('a page of docs/guard/ → docs/guard.md links it, and it shows the example of the package', t => {
    const index = readFileSync(join(root, 'docs/guard.md'), 'utf8')
    const examples = globSync('packages/guard/examples/*.js', { cwd: root })
    t.is(examples.length, 6)
    for (const path of examples) {
      const name = basename(path, '.js')
      t.true(index.includes(`](guard/${name}.md)`), name)
      const page = readFileSync(join(root, `docs/guard/${name}.md`), 'utf8')
      const [, shown] = /<!-- example -->\s*```js\n([\s\S]*?)```\s*<!-- \/example -->/.exec(page) ?? []
      t.is(shown, readFileSync(join(root, path), 'utf8'), name)
    }
  })

  test('a status with a code that a page names → the problem has both', t => {
    const statusOf = new Map(problems.map(({ code, status }) => [code, status]))
    for (const path of pages.filter(name => name.startsWith('docs/')))
      for (const [, status, code = ''] of readFileSync(join(root, path), 'utf8').matchAll(
        /`(4\d\d|5\d\d) ([A-Z]+(?:_[A-Z]+)*)`/g,
      ))
        t.is(statusOf.get(code), Number(status), `${path}: ${code}`)
  })

  test('a route that a page about ways to sign in names → it exists', t => {
    const routes = coreRoutes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    for (const name of ['second-factors', 'passkeys', 'email-codes', 'step-up']) {
      const text = readFileSync(join(root, `docs/${name}.md`), 'utf8')
      const named = [...text.matchAll(/`(GET|POST|PUT|PATCH|DELETE) (\/[\w/{}-]+)/g)]
      t.true(named.length > 1, name)
      for (const [, method, path] of named)
        t.true(
          ['', '/api/v1', '/api/v1/auth'].some(base => routes.includes(`${method} ${base}${path}`)),
          `${name}: ${method} ${path}`,
        )
    }
  })

  test('README.md → has at most 200 lines', t => {
    t.true(readFileSync(join(root, 'README.md'), 'utf8').trimEnd().split('\n').length <= 200)
  })
}

{
  // The tests that docs/security.md links exist. A row names each as `[folder/name]`, and the end of the page has its path.

  const page = new URL('../../docs/security.md', import.meta.url)
  const text = readFileSync(page, 'utf8')
  const tables = text
    .split(/\n\n+/)
    .filter(block => block.startsWith('| '))
    .map(block => block.trimEnd().split('\n'))
  const named = [...text.matchAll(/\[([a-z]+(?:\/[\w.-]+)+)\](?!:)/g)].map(([, name = '']) => name)
  const defined = [...text.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name = '', path = '']) => ({
    name,
    path,
  }))

  /** Folders with tests of tools and of the source text. */
  const ofTools = ['bench', 'cli', 'house', 'local']

  test('a test that docs/security.md links → exists under that path, and each link is defined once', t => {
    t.true(named.length > 100)
    for (const { name, path } of defined) {
      t.is(path, `../test/${name}.test.ts`)
      t.true(existsSync(fileURLToPath(new URL(path, page))), path)
    }
    t.deepEqual([...new Set(named)].sort(), defined.map(({ name }) => name).sort())
  })

  test('a row of docs/security.md without a test → fails', t => {
    const promises = tables.filter(([head = '']) => head.endsWith('| Shown by |'))
    const claims = promises.flatMap(([, , ...rows]) => rows)
    t.true(promises.length >= 13 && claims.length > 230, `${promises.length} ${claims.length}`)
    for (const claim of claims) t.regex(claim, /\| (?:\[[a-z]+(?:\/[\w.-]+)+\] ?)+ ?\|$/)
  })

  test('a folder of tests of the product that docs/security.md never links → fails', t => {
    const tests = fileURLToPath(new URL('../', import.meta.url))
    const folders = globSync('**/*.test.ts', { cwd: tests }).map(
      path => dirname(path).split('/').at(-1) ?? '',
    )
    const linked = new Set(named.map(name => name.split('/').at(-2)))
    t.deepEqual(
      [...new Set(folders)].filter(name => !linked.has(name) && !ofTools.includes(name)),
      [],
    )
  })

  test('a norm or an advisory in docs/security.md → its number has the official form', t => {
    const all = (shape: RegExp) => [...text.matchAll(shape)].map(([found]) => found)
    const sections = all(/\bV\d[\w.]*/g).map(found => found.replace(/\.$/, ''))
    t.true(sections.length > 60)
    for (const section of sections) t.regex(section, /^V\d+\.\d+\.\d+$/)
    for (const id of all(/CVE[\w-]+/g)) t.regex(id, /^CVE-\d{4}-\d{4,}$/)
    for (const id of all(/GHSA[\w-]+/g)) t.regex(id, /^GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}$/)
  })
}

{
  const block = /<!-- guard -->\s*```js\n([\s\S]*?)```\s*<!-- \/guard -->/.exec(guide)?.[1] ?? ''
  anyTest.after.always(async () => {
    await world[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  /** The verifier of docs/tokens.md as a module. Only the address of the keys and the paths of packages differ. */
  const documentedVerifier = async (
    keysAt = world.url,
  ): Promise<(token: string) => Promise<Record<string, unknown>>> => {
    const script = block
      .replace("'http://localhost:8000'", "'http://latchkey.test'")
      .replace(/\$\{issuer\}(?=\/\.well-known)/, keysAt)
      .replaceAll(/from '(paseto[^']*)'/g, (_, name: string) => `from '${import.meta.resolve(name)}'`)
    const file = join(folder, `${Math.random()}.mjs`)
    await writeFile(file, script)
    return (await import(file)).verifyAccessToken
  }

  test('documented verifier, five simultaneous tokens before it has a key → accepts each', async t => {
    const { access, userId } = await anAccount(world.client)
    const verify = await documentedVerifier()
    const claims = await Promise.all(Array.from({ length: 5 }, () => verify(access)))
    t.deepEqual(
      claims.map(({ sub }) => sub),
      Array(5).fill(userId),
    )
  })

  test('documented verifier while the issuer answers 500 → one request for twenty tokens', async t => {
    let requestCount = 0
    const issuer = createServer((_request, reply) => {
      requestCount++
      reply.writeHead(500).end('{}')
    })
    await new Promise<void>(resolve => issuer.listen(0, '127.0.0.1', resolve))
    t.teardown(() => issuer.close())
    const { port } = issuer.address() as AddressInfo
    const { access } = await anAccount(world.client)
    const verify = await documentedVerifier(`http://127.0.0.1:${port}`)
    for (let i = 0; i < 20; i++) await t.throwsAsync(verify(access), { message: /HTTP 500/ })
    t.is(requestCount, 1)
  })

  test('documented verifier, a text that is not an access token → refuses it', async t => {
    const { access, refresh } = await anAccount(world.client)
    const verify = await documentedVerifier()
    const [, , , footer] = access.split('.')
    const changed = access.replace(/\.public\.(.)/, (_, first) => `.public.${first === 'A' ? 'B' : 'A'}`)
    for (const token of ['', refresh, changed, `${access}A`, `v4.public.AAAA.${footer}`, 'A'.repeat(5000)])
      await t.throwsAsync(verify(token), undefined, token)
  })
}

{
  type Item = {
    name: string
    item?: Item[]
    request?: { method: string; url: { path: string[] }; body?: { raw?: string } }
    event?: { listen: string; script: { exec: string[] } }[]
  }
  type Collection = { item: Item[]; variable: { key: string }[] }

  const all = coreRoutes
  const written: Collection = JSON.parse(
    readFileSync(new URL('../../postman/latchkey.postman_collection.json', import.meta.url), 'utf8'),
  )
  const requests = (items: Item[]): Item[] =>
    items.flatMap(({ item, ...rest }) => (item ? requests(item) : [rest]))

  test('Postman collection → starts with a session and holds every route', t => {
    const [first, ...folders] = written.item
    t.deepEqual(
      first?.item?.map(({ name }) => name),
      ['Sign up', 'Read your account', 'Refresh the access token', 'Sign out', 'Sign in'],
    )
    const found = requests(folders).map(({ request }) => `${request?.method} /${request?.url.path.join('/')}`)
    t.deepEqual(found.sort(), all.map(({ method, path }) => `${method} ${path}`).sort())
  })

  test('a request of the Postman collection → checks its reply and uses known variables only', t => {
    const known = new Set(['baseUrl', ...written.variable.map(({ key }) => key)])
    for (const { name, event, ...rest } of requests(written.item)) {
      const script = event?.find(({ listen }) => listen === 'test')?.script.exec.join('\n') ?? ''
      t.regex(script, /declared/, name)
      t.notThrows(() => new Function('pm', script), name)
      for (const [, variable = ''] of JSON.stringify(rest).matchAll(/\{\{(\w+)\}\}/g))
        t.true(known.has(variable), variable)
    }
  })
}
