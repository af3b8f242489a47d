import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownTemplates } from '../theme/templates.ts'

// MJML takes 0.3 s and 100 MB to import, and milliseconds to run. So the HTML of each source is cached on disk by its hash,
// and the next process need not load MJML. Only our own text may be in the source: mj-include and raw elements would let an
// attacker whose text got in there read files.

const folder = join(ownTemplates, '../.latchkey/mails')

const options = {
  validationLevel: 'strict',
  fonts: {},
  minify: true,
  minifyOptions: { minifyCss: false },
} as const

const convert = async (source: string): Promise<string> => {
  const { default: mjml2html } = await import('mjml')
  return (await mjml2html(source, options)).html
}

// If the folder is read-only, as in a container, each process converts the source again.
const store = async (file: string, html: string): Promise<void> => {
  const fresh = `${file}.${randomUUID()}`
  await mkdir(folder, { recursive: true })
  await writeFile(fresh, html)
  await rename(fresh, file)
}

const version = async (): Promise<string> => {
  const manifest = new URL('../package.json', import.meta.resolve('mjml'))
  return (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version
}

/** The HTML of an MJML source. Throws if the source is not valid. */
export const toHtml = async (source: string): Promise<string> => {
  const parts = [await version(), JSON.stringify(options), source]
  const file = join(folder, `${createHash('sha256').update(parts.join('\n')).digest('hex')}.html`)
  const cached = await readFile(file, 'utf8').catch(() => null)
  // Ignore a file that a crash cut short.
  if (cached?.trimEnd().endsWith('</html>')) return cached
  const html = await convert(source)
  await store(file, html).catch(() => {})
  return html
}
