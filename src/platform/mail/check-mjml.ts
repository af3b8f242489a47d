import { join } from 'node:path'
import { compileTemplate } from '../theme/template.ts'
import { isFile } from '../theme/template-files.ts'
import type { Theme } from '../theme/theme.ts'
import { mjmlOf } from './compile.ts'
import { toHtml } from './mjml.ts'

// MJML takes 0.3 s and 100 MB to load, so it runs only if the operator has templates of their own.

type MjmlError = { line: number; message: string; tagName: string }

/** Names the file that a line of an email's MJML comes from: the layout, or the content inside it. */
const describe = ({ templates }: Theme, kind: string, { line, message, tagName }: MjmlError): string => {
  const [before = ''] = templates.source('layout.mjml').split('{{content}}')
  const content = templates.source(`${kind}.mjml`).split('\n')
  const at = line - before.split('\n').length
  // If layout and content share a line, the name of the element tells which file it is in.
  const isContent = content[at]?.includes(`<${tagName}`) ?? false
  const where = isContent
    ? `${kind}.mjml: line ${at + 1}`
    : `layout.mjml: line ${at < content.length ? Math.min(line, line - at) : line - content.length + 1}`
  return `${where}: <${tagName}> ${message.trim()}`
}

const errorsOf = async (theme: Theme, kind: string): Promise<string[]> => {
  const mjml = mjmlOf(theme, kind, 'en')
  try {
    const html = await toHtml(mjml)
    const names = compileTemplate(mjml).filter((_, at) => at % 2 === 1)
    const lost = names.filter(name => !html.includes(`{{${name}}}`))
    return lost.map(name => `${kind}.mjml: {{${name}}} must stand inside an element such as <mj-text>`)
  } catch (error) {
    const { errors } = error as { errors?: MjmlError[] }
    return errors?.map(each => describe(theme, kind, each)) ?? [`${kind}.mjml: is not MJML`]
  }
}

/** What MJML rejects in the templates of an operator's folder. */
export const mjmlErrors = async (theme: Theme, folder: string): Promise<string[]> => {
  const isOwn = (name: string) => isFile(join(folder, `${name}.mjml`))
  const kinds = theme.emails.flatMap(({ kind }) => (isOwn('layout') || isOwn(kind) ? [kind] : []))
  const errors = await Promise.all(kinds.map(kind => errorsOf(theme, kind)))
  return [...new Set(errors.flat())]
}
