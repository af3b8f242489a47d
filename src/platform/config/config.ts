import * as v from 'valibot'
import { weakSecretErrors } from './app-secret.ts'
import { type Brand, brandOf, type ThemeConfig, themeVariables } from './brand.ts'
import { relyingPartyErrors } from './relying-party.ts'
import type { Variable, VariableName, variables } from './variables.ts'

type Parsed = { [N in VariableName]: v.InferOutput<(typeof variables)[N]['schema']> }
type Optional =
  | 'SMTP_URL'
  | 'FRONTEND_URL'
  | 'METRICS_PORT'
  | 'WEBAUTHN_RP_ID'
  | Exclude<keyof typeof themeVariables, 'BRAND_NAME'>

/** The configuration, parsed once at the start. Durations are in milliseconds. */
export type Config = Omit<Parsed, Optional> & { [N in Optional]: Parsed[N] | undefined } & { brand: Brand }

export type ProcessName = 'api' | 'worker' | 'migrate'

const inProduction = (config: Partial<Config>, process: ProcessName): string[] => {
  // A migration sends no links, takes no requests and hashes no passwords.
  if (config.NODE_ENV !== 'production' || process === 'migrate') return []
  const errors: string[] = []
  if (config.RATE_LIMITS === 'off') errors.push('RATE_LIMITS must not be off if NODE_ENV is production')
  if (config.BCRYPT_COST !== undefined && config.BCRYPT_COST < 10)
    errors.push('BCRYPT_COST must be at least 10 if NODE_ENV is production')
  return errors
}

type Env = Record<string, string | undefined>
type Table = Readonly<Record<string, Variable>>

/** What a module adds to the configuration. `check` returns what is wrong with its variables taken together. */
export type ModuleVariables = { table: Table; check: (env: Env) => string[] }

const plainHttp = (table: Table, { NODE_ENV, ...values }: Record<string, unknown>): string[] =>
  Object.entries(table)
    .filter(([name, { httpsInProduction, default: standard }]) => {
      const value = values[name] ?? standard
      const addresses = value === undefined || value === '' ? [] : [value].flat()
      return httpsInProduction && addresses.some(address => String(address).startsWith('http:'))
    })
    .map(([name]) => `${name} must begin with https:// if NODE_ENV is production`)

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
export const readConfigWith = (
  { table, checks }: { table: Table; checks: readonly ModuleVariables['check'][] },
  env: Env,
  process: ProcessName,
): { config: Config } | { errors: string[] } => {
  const { values, errors } = readVariables(table, env, process)
  const { APP_SECRET, NODE_ENV }: Partial<Config> = values
  errors.push(...checks.flatMap(check => check(env)))
  errors.push(...weakSecretErrors(APP_SECRET ?? [], NODE_ENV === 'production'))
  errors.push(...relyingPartyErrors(values))
  errors.push(...inProduction(values, process))
  if (values.NODE_ENV === 'production' && process !== 'migrate') errors.push(...plainHttp(table, values))
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
