import { limits, modules } from './modules.ts'
import {
  type Config,
  configErrorText,
  exitConfig,
  type ProcessName,
  readConfigWith,
} from './platform/config/config.ts'
import { variables as coreVariables, rateLimitsVariable, type Variable } from './platform/config/variables.ts'

const ofModules = modules.flatMap(({ variables = [] }) => variables)

/** Every environment variable of the service. */
export const variables: Readonly<Record<string, Variable>> = Object.assign(
  {},
  coreVariables,
  { RATE_LIMITS: rateLimitsVariable(limits) },
  ...ofModules.map(({ table }) => table),
)

const checks = ofModules.map(({ check }) => check)

/** Reads the environment for one process, or returns every error. */
export const readConfig = (
  env: Record<string, string | undefined>,
  process: ProcessName,
): ReturnType<typeof readConfigWith> => readConfigWith({ table: variables, checks }, env, process)

/** Reads the environment, or prints every error and exits with 78. */
export const configOrExit = (processName: ProcessName): Config => {
  const result = readConfig(process.env, processName)
  if ('config' in result) return result.config
  process.stderr.write(configErrorText(result.errors))
  process.exit(exitConfig)
}
