import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { EmailDefinition } from '../catalog/email-definition.ts'
import type { ThemeConfig } from '../config/brand.ts'
import { configErrorText, exitConfig } from '../config/config.ts'
import { templateErrors } from '../theme/template-errors.ts'
import { isReadable, listed } from '../theme/template-files.ts'
import { openTheme } from '../theme/theme.ts'
import { wordErrors } from '../theme/word-errors.ts'

const errorsIn = async (
  folder: string,
  { brand, TEMPLATES_DIR }: ThemeConfig,
  emails: readonly EmailDefinition[],
): Promise<string[]> => {
  const inTemplates = templateErrors(folder, emails)
  if (inTemplates.length > 0) return inTemplates
  const inWords = wordErrors(folder, openTheme({ brand, TEMPLATES_DIR }, emails))
  if (inWords.length > 0 || !listed(folder).some(file => file.endsWith('.mjml'))) return inWords
  const thread = new Worker(new URL('./check-mjml-thread.ts', import.meta.url), {
    workerData: { config: { brand, TEMPLATES_DIR }, emails },
  })
  const [errors] = (await once(thread, 'message')) as [string[]]
  return errors
}

/** Every error of TEMPLATES_DIR and of the files in it. */
export const templateFolderErrors = async (
  config: ThemeConfig,
  emails: readonly EmailDefinition[],
): Promise<string[]> => {
  const folder = config.TEMPLATES_DIR
  if (folder === undefined) return []
  if (!isReadable(folder)) return ['TEMPLATES_DIR must be a folder that can be read']
  return (await errorsIn(folder, config, emails)).map(error => `TEMPLATES_DIR: ${error}`)
}

/** Checks the templates in TEMPLATES_DIR. On errors it prints all of them and ends the process with 78. */
export const checkTemplatesOrExit = async (
  config: ThemeConfig,
  emails: readonly EmailDefinition[],
): Promise<void> => {
  const errors = await templateFolderErrors(config, emails)
  if (errors.length === 0) return
  process.stderr.write(configErrorText(errors))
  process.exit(exitConfig)
}
