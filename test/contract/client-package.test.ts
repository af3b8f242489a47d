import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import anyTest, { type TestFn } from 'ava'
import { anAccount } from '../fixtures.ts'
import { nodePrograms } from '../packed-guard.ts'
import { openWorld, type World } from '../world.ts'

// The client as users get it: packed, installed into an empty folder, and used from JavaScript and TypeScript.

const test = anyTest as TestFn<{ world: World; folder: string; files: string[] }>
const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')

const programs = await nodePrograms()

test.before(async t => {
  const opening = openWorld()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-client-'))
  const pack = ['pack', '--json', '--pack-destination', folder, '--workspace', 'packages/client']
  const { stdout } = await run('npm', pack, { cwd: root })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')))
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}')
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`], {
    cwd: folder,
  })
  await cp(join(root, 'packages/client/examples'), folder, { recursive: true })
  const files = packed.files.map(({ path }: { path: string }) => path)
  Object.assign(t.context, { world: await opening, folder, files })
})
test.after.always(async t => {
  await t.context.world?.[Symbol.asyncDispose]()
  await rm(t.context.folder, { recursive: true, force: true })
})

for (const [version, program] of programs)
  test(`packed client in plain JavaScript on Node ${version} → signs in and out, and the process ends`, async t => {
    const { world, folder } = t.context
    const { email, password, userId } = await anAccount(world.client)
    const env = { PATH: process.env.PATH, PASSWORD: password }
    const { stdout, stderr } = await run(program, ['node.js', world.url, email], { cwd: folder, env })
    t.is(stdout, `signed_in ${userId}\nHello ${email}\n2 sessions\nsigned_out \n`)
    t.is(stderr, '')
  })

const compile = async (folder: string, file: string): Promise<string> => {
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true },
    ...{ target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], module: 'nodenext', types: [] },
  }
  const project = join(folder, `${file}.json`)
  await writeFile(project, JSON.stringify({ compilerOptions, files: [file] }))
  return run(process.execPath, [tsc, '--pretty', 'false', '-p', project]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
}

test('strict TypeScript with right types → compiles, with the types of the package checked too', async t => {
  t.is(await compile(t.context.folder, 'typed.ts'), '')
})

test('wrong paths, bodies, parameters and fields of replies → each line does not compile', async t => {
  const wrong = [
    `client.request('GET', '/api/v1/auth/unknown')`,
    `client.request('PUT', '/api/v1/auth/sessions')`,
    `client.request('DELETE', '/api/v1/auth/sessions/{id}')`,
    `client.request('DELETE', '/api/v1/auth/sessions/{id}', { params: { name: '1' } })`,
    `client.request('POST', '/api/v1/auth/change-password')`,
    `client.request('POST', '/api/v1/auth/change-password', { body: { current_password: 'a' } })`,
    `client.request('GET', '/api/v1/admin/users', { query: { role: 'owner' } })`,
    `client.request('GET', '/api/v1/auth/me', { body: {} })`,
    `client.request('GET', '/api/v1/auth/me').then(({ body }) => body.nickname)`,
    `client.request('GET', '/api/v1/auth/me').then(({ status }) => status === 204)`,
    `client.login({ email: 'a' })`,
    `client.login({ email: 'a', password: 'b', token_transport: 'cookie' })`,
    `client.updateMe({ full_name: 1 })`,
    `client.reauthenticate({})`,
    `client.onChange(event => event === 'expired')`,
    `createClient({})`,
    `createClient({ baseUrl: 'https://a.example', storage: 'session' })`,
  ]
  const head = `import { createClient } from '@latchkey/client'`
  const lines = [head, `const client = createClient({ baseUrl: 'https://a.example' })`, ...wrong]
  await writeFile(join(t.context.folder, 'wrong.ts'), lines.join('\n'))
  const output = await compile(t.context.folder, 'wrong.ts')
  const found = [...new Set([...output.matchAll(/wrong\.ts\((\d+)/g)].map(([, line]) => Number(line)))]
  t.deepEqual(
    found.sort((a, b) => a - b),
    wrong.map((_, index) => index + 3),
    output,
  )
})

test('packed package → compiled code with types and source maps, no dependency, and at most 15 kB', async t => {
  const { folder, files } = t.context
  const installed = join(folder, 'node_modules/@latchkey/client')
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  t.is(manifest.dependencies, undefined)
  t.is(manifest.sideEffects, false)
  for (const end of ['js', 'js.map', 'd.ts']) t.true(files.includes(`dist/main.${end}`))
  t.deepEqual(
    files.filter(path => !/^(dist|src)\/|^(README\.md|LICENSE|package\.json)$/.test(path)),
    [],
  )
  const modules = files.filter(path => path.endsWith('.js'))
  const code = await Promise.all(modules.map(path => readFile(join(installed, path), 'utf8')))
  t.false(code.some(text => /from ["']node:/.test(text)))
  t.true(gzipSync(code.join('\n')).length < 15_000)
})
