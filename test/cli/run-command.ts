import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** What a command came to. `json` is its output, parsed, where that is JSON. */
export type Ran = { code: number; out: string; err: string; json: ReturnType<typeof JSON.parse> }

/** Runs `latchkey` in a process of its own, away from any `.env`. */
export const runCommand = async (
  env: Record<string, string>,
  words: readonly string[],
  input = '',
): Promise<Ran> => {
  const child = spawn(process.execPath, [cli, ...words], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  let json = null
  try {
    json = JSON.parse(out)
  } catch {}
  return { code, out, err, json }
}
