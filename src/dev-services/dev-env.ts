import { readFileSync, rmSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { exampleSecret } from '../platform/config/variables.ts'
import { shopSecrets } from '../shop/variables.ts'
import type { Env } from './binaries.ts'
import { processStart } from './process-start.ts'

// How `npx latchkey` finds the services of an `npm start` in another terminal: through the file `env` in the state
// folder. `npm start` removes the file when it ends. A SIGKILL or a power cut leaves it behind, with servers that are
// gone, so the file also names the process that wrote it and is believed only while that process runs.

const names = [
  ...(['NODE_ENV', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'APP_SECRET', 'PUBLIC_URL'] as const),
  ...shopSecrets,
]

const fileIn = (folder: string): string => join(folder, 'env')

const firstLine = /^# Process (\d+), started: (.+)$/m

/** The variables in the file, and its writer; null where there is no file that we can read. */
const contentOf = (file: string): { pid: number; started: string | undefined; text: string } | null => {
  try {
    const text = readFileSync(file, 'utf8')
    const [, pid, started] = firstLine.exec(text) ?? []
    return { pid: Number(pid), started, text }
  } catch {
    return null
  }
}

const remove = (file: string): void => {
  try {
    rmSync(file, { force: true })
  } catch {
    // The file of another user. It is not believed, so it may stay.
  }
}

/** Writes the environment of the processes there, readable by their owner alone. It is removed by disposing, or on exit. */
export const leaveDevEnv = async (folder: string, env: Env): Promise<Disposable> => {
  const file = fileIn(folder)
  const started = processStart(process.pid)
  const lines = names.map(name => `${name}='${env[name] ?? ''}'`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // A command that read half a file would take it for a stale one.
  const whole = `${file}.${process.pid}`
  await rm(whole, { force: true })
  const text = [`# Process ${process.pid}, started: ${started}`, ...lines, ''].join('\n')
  await writeFile(whole, text, { mode: 0o600, flag: 'wx' })
  await rename(whole, file)
  const removeOwn = (): void => {
    // Another start of this checkout, on another port, may have written its own since.
    if (contentOf(file)?.text === text) remove(file)
  }
  process.once('exit', removeOwn)
  return { [Symbol.dispose]: removeOwn }
}

const readDevEnv = (file: string): NodeJS.Dict<string> => {
  const found = contentOf(file)
  if (!found) return {}
  const isLive = found.started !== undefined && processStart(found.pid) === found.started
  return isLive ? parseEnv(found.text) : {}
}

/**
 * Adds what a running `npm start` has left there to an environment, where a variable is unset or empty. A file whose
 * writer has ended is ignored. An environment that names another database or Redis gets nothing: a command on the data of
 * one service must not sign with the secret of another.
 */
export const addDevEnv = (env: Env, folder: string): void => {
  const found = readDevEnv(fileIn(folder))
  if ((['DATABASE_URL', 'REDIS_URL'] as const).some(name => env[name] && env[name] !== found[name])) return
  for (const [name, value] of Object.entries(found)) {
    // The example of a copied `.env.example` counts as unset, as it does for `npm start`.
    const isUnset = !env[name] || env[name] === exampleSecret
    if (isUnset && value) env[name] = value
  }
}
