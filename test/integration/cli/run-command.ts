import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import packageJson from '../../../package.json' with { type: 'json' }
import { commandInHost } from '../../world.ts'

/** What a command came to. `json` is its output, parsed, where that is JSON. */
export type Ran = { code: number; out: string; err: string; json: ReturnType<typeof JSON.parse> }

const withJson = (ran: { code: number; out: string; err: string }): Ran => {
  try {
    return { ...ran, json: JSON.parse(ran.out) }
  } catch {
    return { ...ran, json: null }
  }
}

/** Runs `latchkey` with this environment and no other. */
export const runCommand = async (
  env: Record<string, string>,
  words: readonly string[],
  input = '',
): Promise<Ran> => withJson(await commandInHost(env, words, input))

// The program that `npx latchkey` starts.
const program = join(import.meta.dirname, '../../..', packageJson.bin.latchkey)

// Not that of this checkout: an `npm start` may run in it.
const noState = join(import.meta.dirname, 'no-state')

/**
 * The same in a process of its own, which costs far more: for what the process adds to a command. It starts in a folder
 * without `.env`, unless `cwd` is another one.
 */
export const spawnCommand = async (
  env: Record<string, string>,
  words: readonly string[],
  { input = '', cwd = import.meta.dirname } = {},
): Promise<Ran> => {
  const child = spawn(program, words, {
    cwd,
    env: {
      // The Node that runs the tests.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      LATCHKEY_STATE: noState,
      ...env,
    },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return withJson({ code, out, err })
}
