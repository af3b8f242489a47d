import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { configFaults, exitConfig } from '../base/config.ts'
import { templateFaults } from '../base/template-faults.ts'
import { listed } from '../base/template-files.ts'
import { openTemplates } from '../base/templates.ts'
import type { ThemeConfig } from '../base/theme.ts'
import { wordFaults } from '../base/word-faults.ts'

/** Every fault of the templates and words in TEMPLATES_DIR, each with the file that it is in. */
export const templateFolderFaults = async (config: ThemeConfig): Promise<string[]> => {
  const folder = config.TEMPLATES_DIR
  if (folder === undefined) return []
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

/** Checks the templates in TEMPLATES_DIR, or prints every fault and ends the process with 78. */
export const checkTemplatesOrExit = async (config: ThemeConfig): Promise<void> => {
  const faults = await templateFolderFaults(config)
  if (faults.length === 0) return
  process.stderr.write(configFaults(faults.map(fault => `TEMPLATES_DIR: ${fault}`)))
  process.exit(exitConfig)
}
