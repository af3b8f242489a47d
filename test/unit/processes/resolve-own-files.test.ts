import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'

// The API resolves its own imports itself. In any folder that it is installed in, it must find the files that Node finds.

const hook = 'src/processes/resolve-own-files.ts'

/** Prints how each import resolves, and which of them Node resolves. */
const entry = `
import { registerHooks } from 'node:module'
const [byNode, resolved] = [[], []]
const record = (list, pick) =>
  registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context)
      list.push(pick(specifier, found))
      return found
    },
  })
const { resolveOwnFiles } = await import('./processes/resolve-own-files.ts')
record(byNode, specifier => specifier)
if (process.argv[2] === 'hook') resolveOwnFiles()
record(resolved, (_, { url, format }) => [url, format])
await import('./features/own.ts')
await import(process.argv[3])
process.stdout.write(JSON.stringify({ resolved, byNode }))
`

const program: Record<string, string> = {
  'package.json': '{ "type": "module" }',
  'src/api.ts': entry,
  'src/features/own.ts': `import '../platform/own.ts'; import 'linked'`,
  'src/platform/own.ts': 'export const isOwn: boolean = true',
  'packages/linked/package.json': '{ "type": "module", "exports": "./index.ts" }',
  'packages/linked/index.ts': `import './other.ts'`,
  'packages/linked/other.ts': '',
}

const foreign: Record<string, string> = {
  'package.json': '{ "type": "commonjs" }',
  'plugin.ts': `import('./part.ts')`,
  'part.ts': 'exports.isCommonJs = require.main !== module',
}

const writeFiles = async (folder: string, files: Record<string, string>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

test('any folder, also behind a link → own imports resolve as by Node, and those of other files by Node', async t => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'own-files-')))
  t.teardown(() => rm(folder, { recursive: true }))
  const installed = join(folder, 'a b%20#?é')
  await writeFiles(installed, program)
  await writeFiles(join(folder, 'foreign'), foreign)
  await mkdir(join(installed, 'src/processes'))
  await cp(hook, join(installed, hook))
  await mkdir(join(installed, 'node_modules'))
  await symlink('../packages/linked', join(installed, 'node_modules/linked'))
  await symlink(installed, join(folder, 'current'))

  const run = async (how: string, at: string) => {
    const args = [join(folder, at, 'src/api.ts'), how, join(folder, 'foreign/plugin.ts')]
    return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout)
  }
  const [plain, hooked, linked] = await Promise.all([
    run('plain', 'a b%20#?é'),
    run('hook', 'a b%20#?é'),
    run('hook', 'current'),
  ])
  t.deepEqual(hooked.resolved, plain.resolved)
  t.deepEqual(linked.resolved, plain.resolved)
  t.is(plain.resolved.length, 6)
  const plugin = join(folder, 'foreign/plugin.ts')
  t.deepEqual(hooked.byNode, ['linked', plugin, './part.ts'])
  t.is(plain.byNode.length, plain.resolved.length)
})
