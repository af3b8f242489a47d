import { join } from 'node:path'
import { type EmailKind, emailKinds } from '../catalog/emails.ts'
import { cut } from '../theme/template.ts'
import { isFile } from '../theme/template-files.ts'
import type { Theme } from '../theme/theme.ts'
import { mjmlOf } from './compile.ts'
import { toHtml } from './mjml.ts'

// MJML takes 0.3 s and 100 MB to load, so it runs only if the operator has templates of their own.

type MjmlFault = { line: number; message: string; tagName: string }

/** Names the file that a line of an email's MJML comes from: the layout, or the content within it. */
const placed = ({ templates }: Theme, kind: EmailKind, { line, message, tagName }: MjmlFault): string => {
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

const faultsOf = async (theme: Theme, kind: EmailKind): Promise<string[]> => {
  const mjml = mjmlOf(theme, kind, 'en')
  try {
    const html = await toHtml(mjml)
    const lost = cut(mjml).filter((hole, at) => at % 2 === 1 && !html.includes(`{{${hole}}}`))
    return lost.map(hole => `${kind}.mjml: {{${hole}}} stands where MJML leaves it out`)
  } catch (error) {
    const { errors } = error as { errors?: MjmlFault[] }
    return errors?.map(fault => placed(theme, kind, fault)) ?? [`${kind}.mjml: is not MJML`]
  }
}

/** What MJML finds wrong with templates that a folder lays over ours. */
export const mjmlFaults = async (theme: Theme, folder: string): Promise<string[]> => {
  const isOwn = (name: string) => isFile(join(folder, `${name}.mjml`))
  const kinds = emailKinds.filter(kind => isOwn('layout') || isOwn(kind))
  const faults = await Promise.all(kinds.map(kind => faultsOf(theme, kind)))
  return [...new Set(faults.flat())]
}
