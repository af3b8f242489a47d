import * as v from 'valibot'
import { shopSecrets } from './shop-variables.ts'
import { exampleSecret, type VariableName, variables } from './variables.ts'

type Parsed = { [N in VariableName]: v.InferOutput<(typeof variables)[N]['schema']> }
type Optional = 'SMTP_URL' | 'FRONTEND_URL' | 'METRICS_PORT' | (typeof shopSecrets)[number]

/** The configuration, parsed once at the door. Durations are in milliseconds. */
export type Config = Omit<Parsed, Optional> & { [N in Optional]: Parsed[N] | undefined }

export type ProcessName = 'api' | 'worker' | 'migrate'

// Everybody can read the example.
const publishedSecret = ({ APP_SECRET }: Partial<Config>): string[] =>
  APP_SECRET === exampleSecret ? ['APP_SECRET must not be the example'] : []

const inProduction = (config: Partial<Config>, process: ProcessName): string[] => {
  if (config.NODE_ENV !== 'production') return []
  const faults: string[] = []
  if (config.APP_SECRET && new Set(config.APP_SECRET).size < 12)
    faults.push('APP_SECRET is too easy to guess')
  // A migration sends no links, takes no requests and hashes no passwords.
  if (process === 'migrate') return faults
  if (!config.PUBLIC_URL?.startsWith('https:'))
    faults.push('PUBLIC_URL must begin with https:// in production')
  if (config.FRONTEND_URL && !config.FRONTEND_URL.startsWith('https:'))
    faults.push('FRONTEND_URL must begin with https:// in production')
  if (config.RATE_LIMITS === 'off') faults.push('RATE_LIMITS must not be off in production')
  if (config.BCRYPT_COST !== undefined && config.BCRYPT_COST < 10)
    faults.push('BCRYPT_COST must be 10 at least in production')
  if (!config.RECURRENTE_URL?.startsWith('https:'))
    faults.push('RECURRENTE_URL must begin with https:// in production')
  return faults
}

/** Half of what sells is not taken for nothing: a shop would be closed, and nobody would know why. */
const halfAShop = (env: Record<string, string | undefined>): string[] => {
  const missing = shopSecrets.filter(name => !env[name])
  return missing.length === shopSecrets.length ? [] : missing.map(name => `${name} is not set`)
}

/**
 * Reads the environment for one process. An empty variable counts as unset.
 * Returns the configuration, or every fault at once: names and rules, never values.
 */
export const readConfig = (
  env: Record<string, string | undefined>,
  process: ProcessName,
): { config: Config } | { faults: string[] } => {
  const config: Record<string, unknown> = {}
  const faults: string[] = []
  for (const [name, variable] of Object.entries(variables)) {
    const text = env[name] || ('default' in variable ? variable.default : undefined)
    if (text === undefined) {
      const needed: readonly string[] = 'needed' in variable ? variable.needed : []
      if (needed.includes(process)) faults.push(`${name} is not set`)
      continue
    }
    const result = v.safeParse<v.GenericSchema<string, unknown>>(variable.schema, text)
    if (result.success) config[name] = result.output
    else faults.push(`${name} ${result.issues[0].message}`)
  }
  faults.push(...halfAShop(env), ...publishedSecret(config), ...inProduction(config, process))
  return faults.length > 0 ? { faults } : { config: config as Config }
}

/** EX_CONFIG of sysexits.h: a supervisor need not try again. */
export const exitConfig = 78

/** What a process prints of a wrong configuration before it exits. */
export const configFaults = (faults: readonly string[]): string =>
  `latchkey cannot start:\n${faults.map(fault => `  ${fault}\n`).join('')}`

/** Reads the environment, or prints every fault and ends the process with 78. */
export const configOrExit = (processName: ProcessName): Config => {
  const result = readConfig(process.env, processName)
  if ('config' in result) return result.config
  process.stderr.write(configFaults(result.faults))
  process.exit(exitConfig)
}
