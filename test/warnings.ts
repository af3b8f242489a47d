import { appendFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// Why a test failed on a machine that nobody can look at is often said in what the app logged meanwhile.

const here = fileURLToPath(new URL('.', import.meta.url))
const atMost = 20

/** What AVA calls this test file before the title of each test. */
const ownName = (): string =>
  relative(here, fileURLToPath(test.meta.file))
    .replace(/\.test\.ts$/, '')
    .replaceAll('/', ' › ')

type Line = {
  time: string
  msg: string
  err?: { type: string; code?: string; command?: string; stack?: string[] }
}

const inShort = (line: string): string => {
  const { time, msg, err } = JSON.parse(line) as Line
  const what = err ? [err.code ?? err.type, err.command, err.stack?.[0]] : []
  return [time.slice(11), msg, ...what].filter(Boolean).join(' ')
}

/** Keeps the warnings and errors among these log lines until it is known whether this test file fails. */
export const keepWarnings = async (logs: readonly string[]): Promise<void> => {
  const folder = process.env.TEST_WARNINGS
  const warnings = logs.filter(line => /^\{"level":"(?:warn|error|fatal)"/.test(line))
  if (!folder || warnings.length === 0) return
  const left = warnings.length - atMost
  const shown = [...warnings.slice(0, atMost).map(inShort), ...(left > 0 ? [`and ${left} more`] : [])]
  await appendFile(join(folder, ownName()), `${shown.join('\n')}\n`)
}
