import { readTheme } from '../src/platform/config/config.ts'
import { openTheme, type Theme } from '../src/platform/theme/theme.ts'

/** The theme that an environment stands for. Throws where it is wrong. */
export const themeOf = (env: Record<string, string> = {}): Theme => {
  const read = readTheme(env)
  if ('errors' in read) throw new Error(read.errors.join('\n'))
  return openTheme(read.config)
}

/** Emails and pages without a brand of the deployment. */
export const plainTheme = themeOf()
