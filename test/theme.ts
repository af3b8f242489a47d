import { emails as allEmails } from '../src/modules.ts'
import { readTheme } from '../src/platform/config/config.ts'
import { openTheme, type Theme } from '../src/platform/theme/theme.ts'

/** The theme of an environment. Throws if the environment is invalid. */
export const themeOf = (env: Record<string, string> = {}): Theme => {
  const read = readTheme(env)
  if ('errors' in read) throw new Error(read.errors.join('\n'))
  return openTheme(read.config, allEmails)
}

/** The default theme, without a brand. */
export const plainTheme = themeOf()
