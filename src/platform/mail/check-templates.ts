import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { configErrorText, exitConfig } from '../config/config.ts'
import { templateFaults } from '../theme/template-errors.ts'
import { isReadable, listed } from '../theme/template-files.ts'
import { openTemplates } from '../theme/templates.ts'
import type { ThemeConfig } from '../theme/theme.ts'
import { wordFaults } from '../theme/word-errors.ts'

const faultsIn = async (folder: string, config: ThemeConfig): Promise<string[]> => {
  const inTemplates = templateFaults(folder)
  if (inTemplates.length > 0) return inTemplates
  const inWords = wordFaults(folder, openTemplates(folder))
  if (inWords.length > 0 || !listed(folder).some(file => file.endsWith('.mjml'))) return inWords
  const { brand, TEMPLATES_DIR } = config
  const thread = new Worker(new URL('./check-thread.ts', import.meta.url), {
    workerData: { brand, TEMPLATES_DIR },
  })
  const [faults] = (await once(thread, 'message')) as [string[]]
  return faults
}

/** Every fault of TEMPLATES_DIR and of the files in it. */
export const templateFolderFaults = async (config: ThemeConfig): Promise<string[]> => {
  const folder = config.TEMPLATES_DIR
  if (folder === undefined) return []
  if (!isReadable(folder)) return ['TEMPLATES_DIR must be a folder that can be read']
  return (await faultsIn(folder, config)).map(fault => `TEMPLATES_DIR: ${fault}`)
}

/** Checks the templates in TEMPLATES_DIR, or prints every fault and ends the process with 78. */
export const checkTemplatesOrExit = async (config: ThemeConfig): Promise<void> => {
  const faults = await templateFolderFaults(config)
  if (faults.length === 0) return
  process.stderr.write(configErrorText(faults))
  process.exit(exitConfig)
}
