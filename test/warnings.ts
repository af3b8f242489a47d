import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { avaName } from './ava-name.ts'

// Why a test failed on a machine that nobody can look at is often said in what the service logged meanwhile.

const atMost = 20

type Line = {
  time: string
  msg: string
  err?: { type: string; code?: string; command?: string; stack?: string[] }
}

/** Whether a line of the log is a warning or worse. */
export const isWarning = (line: string): boolean => /^\{"level":"(?:warn|error|fatal)"/.test(line)

const inShort = (line: string): string => {
  const { time, msg, err } = JSON.parse(line) as Line
  const what = err ? [err.code ?? err.type, err.command, err.stack?.[0]] : []
  return [time.slice(11), msg, ...what].filter(Boolean).join(' ')
}

/** Keeps the warnings among these log lines until it is known whether this test file fails. */
export const keepWarnings = async (logs: readonly string[]): Promise<void> => {
  const folder = process.env.TEST_WARNINGS
  const warnings = logs.filter(isWarning)
  if (!folder || warnings.length === 0) return
  const left = warnings.length - atMost
  const shown = [...warnings.slice(0, atMost).map(inShort), ...(left > 0 ? [`and ${left} more`] : [])]
  const { default: test } = await import('ava')
  await appendFile(join(folder, avaName(test.meta.file)), `${shown.join('\n')}\n`)
}
