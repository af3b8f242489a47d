import * as v from 'valibot'
import { shopSecrets } from '../../shop/variables.ts'
import type { ThemeConfig } from '../theme/theme.ts'
import { type Brand, brandOf, themeVariables } from './brand.ts'
import { exampleSecret, type Variable, type VariableName, variables } from './variables.ts'

type Parsed = { [N in VariableName]: v.InferOutput<(typeof variables)[N]['schema']> }
type Optional =
  | 'SMTP_URL'
  | 'FRONTEND_URL'
  | 'METRICS_PORT'
  | Exclude<keyof typeof themeVariables, 'BRAND_NAME'>
  | (typeof shopSecrets)[number]

/** The configuration, parsed once at the start. Durations are in milliseconds. */
export type Config = Omit<Parsed, Optional> & { [N in Optional]: Parsed[N] | undefined } & { brand: Brand }

export type ProcessName = 'api' | 'worker' | 'migrate'

// The example is public.
const publishedSecret = ({ APP_SECRET }: Partial<Config>): string[] =>
  APP_SECRET === exampleSecret
    ? ['APP_SECRET must not be the example. Generate one: openssl rand -base64 32']
    : []

const inProduction = (config: Partial<Config>, process: ProcessName): string[] => {
  if (config.NODE_ENV !== 'production') return []
  const errors: string[] = []
  if (config.APP_SECRET && new Set(config.APP_SECRET).size < 12)
    errors.push('APP_SECRET is too easy to guess. Generate one: openssl rand -base64 32')
  // A migration sends no links, takes no requests and hashes no passwords.
  if (process === 'migrate') return errors
  if (!config.PUBLIC_URL?.startsWith('https:'))
    errors.push('PUBLIC_URL must begin with https:// if NODE_ENV is production')
  if (config.FRONTEND_URL && !config.FRONTEND_URL.startsWith('https:'))
    errors.push('FRONTEND_URL must begin with https:// if NODE_ENV is production')
  if (config.RATE_LIMITS === 'off') errors.push('RATE_LIMITS must not be off if NODE_ENV is production')
  if (config.BCRYPT_COST !== undefined && config.BCRYPT_COST < 10)
    errors.push('BCRYPT_COST must be at least 10 if NODE_ENV is production')
  if (!config.RECURRENTE_URL?.startsWith('https:'))
    errors.push('RECURRENTE_URL must begin with https:// if NODE_ENV is production')
  return errors
}

/** Some but not all secrets of the shop are set. That is an error: the shop would stay closed, and no message would say why. */
const incompleteShop = (env: Record<string, string | undefined>): string[] => {
  const missing = shopSecrets.filter(name => !env[name])
  return missing.length === shopSecrets.length
    ? []
    : missing.map(name => `${name} is not set. Set all three secrets of the shop, or none`)
}

type Env = Record<string, string | undefined>

/** Reads the variables of a table. `process` is the process that requires some of them; null requires none. */
const readVariables = (table: Record<string, Variable>, env: Env, process: ProcessName | null) => {
  const values: Record<string, unknown> = {}
  const errors: string[] = []
  for (const [name, variable] of Object.entries(table)) {
    const text = env[name] || variable.default
    if (text === undefined) {
      if (process && variable.needed?.includes(process)) errors.push(`${name} is not set`)
      continue
    }
    const result = v.safeParse(variable.schema, text)
    if (result.success) values[name] = result.output
    else errors.push(`${name} ${result.issues[0].message}`)
  }
  return { values, errors }
}

/**
 * Reads the environment for one process. An empty variable counts as unset. Returns the configuration, or all errors: each
 * names the variable and its rule, never the value, which may be a secret.
 */
export const readConfig = (env: Env, process: ProcessName): { config: Config } | { errors: string[] } => {
  const { values, errors } = readVariables(variables, env, process)
  errors.push(...incompleteShop(env), ...publishedSecret(values), ...inProduction(values, process))
  if (errors.length > 0) return { errors }
  const config = values as Omit<Config, 'brand'>
  const brand = brandOf(config)
  const MAIL_FROM = env.MAIL_FROM ? config.MAIL_FROM : { ...config.MAIL_FROM, name: brand.name }
  return { config: { ...config, MAIL_FROM, brand } }
}

/** Reads the variables of brand and templates only, for tools that show emails and send none. */
export const readTheme = (env: Env): { config: ThemeConfig } | { errors: string[] } => {
  const { values, errors } = readVariables(themeVariables, env, null)
  const parsed = values as Omit<Config, 'brand'>
  if (errors.length > 0) return { errors }
  return { config: { brand: brandOf(parsed), TEMPLATES_DIR: parsed.TEMPLATES_DIR } }
}

/** EX_CONFIG of sysexits.h. It tells a supervisor that a restart cannot help. */
export const exitConfig = 78

/** The text that a process prints before it exits because of its configuration. */
export const configErrorText = (errors: readonly string[]): string =>
  `Latchkey cannot start. Correct the configuration:\n${errors.map(error => `  ${error}\n`).join('')}`

/** An error in the configuration or environment of the process, which a restart cannot fix. */
export const configError = (message: string): Error =>
  Object.assign(new Error(message), { exitCode: exitConfig })

/** The exit code of a process that could not start. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof Error && 'exitCode' in error ? Number(error.exitCode) : 1

/** Reads the environment, or prints every error and exits with 78. */
export const configOrExit = (processName: ProcessName): Config => {
  const result = readConfig(process.env, processName)
  if ('config' in result) return result.config
  process.stderr.write(configErrorText(result.errors))
  process.exit(exitConfig)
}
