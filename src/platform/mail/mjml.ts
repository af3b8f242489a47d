import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownTemplates } from '../theme/templates.ts'

// MJML costs 0.3 s and 100 MB to import and milliseconds to run, so what was made of a source is kept on disk, by its
// hash: whoever starts next need not load it. The source is text that is ours alone: mj-include and raw elements would
// let anybody whose text got in there read files.

const folder = join(ownTemplates, '../.latchkey/mails')

const options = {
  validationLevel: 'strict',
  fonts: {},
  minify: true,
  minifyOptions: { minifyCss: false },
} as const

const made = async (source: string): Promise<string> => {
  const { default: mjml2html } = await import('mjml')
  return (await mjml2html(source, options)).html
}

// A folder that cannot be written to, as in a container, costs time and nothing else.
const keep = async (file: string, html: string): Promise<void> => {
  const fresh = `${file}.${randomUUID()}`
  await mkdir(folder, { recursive: true })
  await writeFile(fresh, html)
  await rename(fresh, file)
}

const version = async (): Promise<string> => {
  const manifest = new URL('../package.json', import.meta.resolve('mjml'))
  return (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version
}

/** The HTML of an MJML source. Throws where the source is not valid. */
export const toHtml = async (source: string): Promise<string> => {
  const parts = [await version(), JSON.stringify(options), source]
  const file = join(folder, `${createHash('sha256').update(parts.join('\n')).digest('hex')}.html`)
  const kept = await readFile(file, 'utf8').catch(() => null)
  // What a crash cut short is none.
  if (kept?.trimEnd().endsWith('</html>')) return kept
  const html = await made(source)
  await keep(file, html).catch(() => {})
  return html
}
