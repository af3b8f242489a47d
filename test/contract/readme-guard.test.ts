import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const folder = await mkdtemp(join(tmpdir(), 'latchkey-readme-'))
const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
const block = /<!-- guard -->\s*```js\n([\s\S]*?)```\s*<!-- \/guard -->/.exec(readme)?.[1] ?? ''
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** The block of the README as a module, but for the address of the keys and where packages lie. */
const verifierOfReadme = async (): Promise<(token: string) => Promise<Record<string, unknown>>> => {
  const script = block
    .replace("'http://localhost:8000'", "'http://latchkey.test'")
    .replace(/\$\{issuer\}(?=\/\.well-known)/, world.url)
    .replaceAll(/from '(paseto[^']*)'/g, (_, name: string) => `from '${import.meta.resolve(name)}'`)
  const file = join(folder, `${Math.random()}.mjs`)
  await writeFile(file, script)
  return (await import(file)).verifyAccessToken
}

test('the verifier of the README takes a token, also when many come before it has read a key', async t => {
  const { access, userId } = await anAccount(world.client)
  const verify = await verifierOfReadme()
  const claims = await Promise.all(Array.from({ length: 5 }, () => verify(access)))
  t.deepEqual(
    claims.map(({ sub }) => sub),
    Array(5).fill(userId),
  )
})

test('the verifier of the README refuses what is no token of ours', async t => {
  const { access, refresh } = await anAccount(world.client)
  const verify = await verifierOfReadme()
  const [, , , footer] = access.split('.')
  const changed = access.replace(/\.public\.(.)/, (_, first) => `.public.${first === 'A' ? 'B' : 'A'}`)
  for (const token of ['', refresh, changed, `${access}A`, `v4.public.AAAA.${footer}`, 'A'.repeat(5000)])
    await t.throwsAsync(verify(token), undefined, token)
})
