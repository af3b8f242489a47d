import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'

const guard = new URL('../../src/guard/', import.meta.url)

test('a service that guards its routes loads no store, no driver and no Koa', async t => {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = []
    registerHooks({ load: (url, context, next) => { seen.push(url); return next(url, context) } })
    await import('${guard}koa.ts')
    await import('${guard}verifier.ts')
    console.log(JSON.stringify(seen))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  const seen: string[] = JSON.parse(stdout)
  t.true(seen.some(url => url.endsWith('src/guard/koa.ts')))
  const packages = seen.flatMap(url => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
  t.deepEqual([...new Set(packages)].sort(), ['@noble/hashes', 'paseto'])
  const folder = fileURLToPath(new URL('..', guard))
  const own = seen.filter(url => url.startsWith('file:') && !url.includes('/node_modules/'))
  const parts = own.map(url => fileURLToPath(url).slice(folder.length).split('/')[0])
  t.deepEqual([...new Set(parts)].sort(), ['base', 'crypto', 'guard', 'http', 'storage'])
})
