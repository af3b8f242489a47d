import { readFileSync, rmSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { exampleSecret } from '../platform/config/app-secret.ts'
import { shopSecrets } from '../shop/catalog/variables.ts'
import type { Env } from './binaries.ts'
import { processStartTime } from './process-start.ts'

// `npx latchkey` finds the services of an `npm start` in another terminal through the file `env` in the state folder.
// `npm start` removes the file when it ends, but a SIGKILL or a power cut leaves it behind. The file therefore names the
// process that wrote it, and is ignored once that process has ended.

const names = [
  ...(['NODE_ENV', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'APP_SECRET', 'PUBLIC_URL'] as const),
  ...shopSecrets,
]

const envFile = (folder: string): string => join(folder, 'env')

const writerLine = /^# Process (\d+), started: (.+)$/m

/** The text of the file and the process that wrote it; null if there is no readable file. */
const readFileContent = (file: string): { pid: number; started: string | undefined; text: string } | null => {
  try {
    const text = readFileSync(file, 'utf8')
    const [, pid, started] = writerLine.exec(text) ?? []
    return { pid: Number(pid), started, text }
  } catch {
    return null
  }
}

const remove = (file: string): void => {
  try {
    rmSync(file, { force: true })
  } catch {
    // The file belongs to another user. It is ignored once its writer has ended, so it may stay.
  }
}

/** Writes the environment of the services to a file that only this user can read. Disposing it, or exiting, removes it. */
export const writeDevEnv = async (folder: string, env: Env): Promise<Disposable> => {
  const file = envFile(folder)
  const started = processStartTime(process.pid)
  const lines = names.map(name => `${name}='${env[name] ?? ''}'`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // The file is renamed into place: a command that reads half a file would find no writer in it and ignore it.
  const temporary = `${file}.${process.pid}`
  await rm(temporary, { force: true })
  const text = [`# Process ${process.pid}, started: ${started}`, ...lines, ''].join('\n')
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx' })
  await rename(temporary, file)
  const removeOwn = (): void => {
    // Another `npm start` of this checkout, on another port, may have replaced the file.
    if (readFileContent(file)?.text === text) remove(file)
  }
  process.once('exit', removeOwn)
  return { [Symbol.dispose]: removeOwn }
}

const readDevEnv = (file: string): NodeJS.Dict<string> => {
  const found = readFileContent(file)
  if (!found) return {}
  const isLive = found.started !== undefined && processStartTime(found.pid) === found.started
  return isLive ? parseEnv(found.text) : {}
}

/**
 * Adds the variables of a running `npm start` to an environment where they are unset or empty. An environment that names
 * another database or Redis gets none of them: a command on the data of one service must not sign with the secret of
 * another.
 */
export const addDevEnv = (env: Env, folder: string): void => {
  const found = readDevEnv(envFile(folder))
  if ((['DATABASE_URL', 'REDIS_URL'] as const).some(name => env[name] && env[name] !== found[name])) return
  for (const [name, value] of Object.entries(found)) {
    // The example secret in a copy of `.env.example` counts as unset, as it does for `npm start`.
    const isUnset = !env[name] || env[name] === exampleSecret
    if (isUnset && value) env[name] = value
  }
}
