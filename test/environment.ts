import { fileURLToPath } from 'node:url'

// What the shell, `.env` and a running `npm start` say must not change a result. So a test run hands on what programs
// and Docker need, and nothing else.

const handedOn =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|LANG|XDG_RUNTIME_DIR|LC_\w+|DOCKER_\w+|TESTCONTAINERS_\w+|LATCHKEY_(?:SERVICES|REDIS)|NODE_V8_COVERAGE|FUZZ_\w+)$/

/** The environment of the tests, out of that of the shell. */
export const testEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => handedOn.test(name))),
  TZ: 'UTC',
  FORCE_COLOR: '0',
  TERM: 'dumb',
  NODE_ENV: 'test',
  // A thread for each file loads the same modules.
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../.latchkey/compiled', import.meta.url)),
})

/**
 * Servers that a shell names for the tests alone. DATABASE_URL and REDIS_URL are those of a service, with data that no
 * test may touch.
 */
export const testServers = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...testEnvironment(env),
  DATABASE_URL: env.TEST_DATABASE_URL,
  REDIS_URL: env.TEST_REDIS_URL,
})

/** Takes from this process what its tests may not depend on: the Postgres driver, for one, reads variables too. */
export const forgetShell = (): void => {
  const kept = testEnvironment(process.env)
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name]
}
