import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import packageJson from '../../../package.json' with { type: 'json' }
import { commandInHost } from '../../world.ts'

/** The result of a command. `json` is the parsed output, or null if it is not JSON. */
export type CommandResult = { code: number; out: string; err: string; json: ReturnType<typeof JSON.parse> }

const withJson = (result: { code: number; out: string; err: string }): CommandResult => {
  try {
    return { ...result, json: JSON.parse(result.out) }
  } catch {
    return { ...result, json: null }
  }
}

/** Runs `latchkey` in the process that hosts the worlds, with only these environment variables. */
export const runCommand = async (
  env: Record<string, string>,
  args: readonly string[],
  input = '',
): Promise<CommandResult> => withJson(await commandInHost(env, args, input))

// The program that `npx latchkey` starts.
const program = join(import.meta.dirname, '../../..', packageJson.bin.latchkey)

// Not the state folder of this checkout, which a running `npm start` may use.
const missingStateDir = join(import.meta.dirname, 'no-state')

/**
 * Runs `latchkey` in a new process. This is much slower, so it is only for what depends on the process, such as `.env`. It
 * starts in a folder without `.env`, unless `cwd` is given.
 */
export const spawnCommand = async (
  env: Record<string, string>,
  args: readonly string[],
  { input = '', cwd = import.meta.dirname } = {},
): Promise<CommandResult> => {
  const child = spawn(program, args, {
    cwd,
    env: {
      // The Node that runs the tests.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      LATCHKEY_STATE: missingStateDir,
      ...env,
    },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return withJson({ code, out, err })
}
