import { execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

// The package as users get it: packed, installed into an empty folder, and run without TypeScript.

const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

/** Packages that the examples and their types need. The packed guard itself depends on nothing. */
const linked = [
  'koa',
  '@koa/router',
  'express',
  'fastify',
  'hono',
  '@hono/node-server',
  '@types',
  'undici-types',
]

/** Starts all examples in one process, and prints their addresses. */
const program = `
import { serve } from '@hono/node-server'
const { log } = console
const urls = {}
for (const name of ['koa', 'express', 'fastify', 'hono', 'node'])
  urls[name] = await new Promise((resolve, reject) => {
    console.log = resolve
    import('./' + name + '.js').catch(reject)
  })
const { default: handler } = await import('./fetch.js')
urls.fetch = await new Promise(resolve =>
  serve({ fetch: handler.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve('http://127.0.0.1:' + port)),
)
log(JSON.stringify(urls))
`

export type PackedGuard = AsyncDisposable & { folder: string; files: readonly string[] }

/** Packs \`packages/guard\`, installs it without a network, and links the frameworks beside it. */
export const installPackedGuard = async (): Promise<PackedGuard> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-guard-'))
  const dispose = () => rm(folder, { recursive: true, force: true })
  const pack = ['pack', '--json', '--pack-destination', folder, '--workspace', 'packages/guard']
  const { stdout } = await run('npm', pack, { cwd: root })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] },
  ]
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}')
  const install = ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`]
  await run('npm', install, { cwd: folder })
  for (const name of linked) {
    const target = join(folder, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    await symlink(join(root, 'node_modules', name), target)
  }
  await cp(join(root, 'packages/guard/examples'), folder, { recursive: true })
  await writeFile(join(folder, 'start-examples.js'), program)
  return { folder, files: packed.files.map(({ path }) => path), [Symbol.asyncDispose]: dispose }
}

export type Examples = AsyncDisposable & { urls: Record<string, string>; errors: readonly string[] }

/** Starts every example with a program of Node, for tokens of this issuer. */
export const startExamples = async (folder: string, node: string, issuer: string): Promise<Examples> => {
  const env = { PATH: process.env.PATH, ISSUER: issuer, PORT: '0' }
  const child = spawn(node, ['start-examples.js'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const errors: string[] = []
  createInterface({ input: child.stderr }).on('line', line => errors.push(line))
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const [line = ''] = await Promise.race([
    new Promise<string[]>(resolve =>
      createInterface({ input: child.stdout }).once('line', text => resolve([text])),
    ),
    exited.then(() => []),
  ])
  if (line === '') throw new Error(`the examples did not start: ${errors.join('\n')}`)
  return {
    urls: JSON.parse(line),
    errors,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await exited
    },
  }
}

/** The programs of Node to test with, by version: the one of this test, and that of the machine if the package supports it. */
export const nodePrograms = async (): Promise<Map<string, string>> => {
  const found = new Map([[process.version, process.execPath]])
  const folders = (process.env.PATH ?? '').split(delimiter).filter(each => !each.includes('node_modules'))
  for (const folder of folders) {
    const program = join(folder, 'node')
    const version = await run(program, ['--version']).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    )
    if (Number(/^v(\d+)/.exec(version)?.[1]) >= 20 && !found.has(version)) found.set(version, program)
  }
  return found
}
