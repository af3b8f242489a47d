import { fileURLToPath } from 'node:url'

// Variables of the shell, of `.env` or of a running `npm start` must not change a test result. So a test run passes on
// only the variables that programs and Docker need.

const passedOn =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|LANG|XDG_RUNTIME_DIR|LC_\w+|DOCKER_\w+|TESTCONTAINERS_\w+|LATCHKEY_(?:SERVICES|REDIS)|NODE_V8_COVERAGE|TEST_STATEMENTS|FUZZ_\w+)$/

/** The environment of the tests, derived from that of the shell. */
export const testEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.test(name))),
  TZ: 'UTC',
  FORCE_COLOR: '0',
  TERM: 'dumb',
  NODE_ENV: 'test',
  // Every test file runs in its own thread and loads the same modules, so compiled code is shared.
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../.latchkey/compiled', import.meta.url)),
})

/**
 * Uses the servers of TEST_DATABASE_URL and TEST_REDIS_URL. DATABASE_URL and REDIS_URL of the shell belong to a service
 * whose data no test may touch.
 */
export const testServers = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...testEnvironment(env),
  DATABASE_URL: env.TEST_DATABASE_URL,
  REDIS_URL: env.TEST_REDIS_URL,
})

/** Removes other variables from this process, because libraries such as the Postgres driver read them too. */
export const removeShellVariables = (): void => {
  const kept = testEnvironment(process.env)
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name]
}
