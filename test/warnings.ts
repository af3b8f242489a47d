import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { avaName } from './ava-name.ts'

// The log of the service often shows why a test failed on a machine without access, such as a CI runner.

const maxLines = 20

type Line = {
  time: string
  msg: string
  err?: { type: string; code?: string; command?: string; stack?: string[] }
}

/** Whether a log line is a warning or an error. */
export const isWarning = (line: string): boolean => /^\{"level":"(?:warn|error|fatal)"/.test(line)

const summaryOf = (line: string): string => {
  const { time, msg, err } = JSON.parse(line) as Line
  const what = err ? [err.code ?? err.type, err.command, err.stack?.[0]] : []
  return [time.slice(11), msg, ...what].filter(Boolean).join(' ')
}

/** Saves the warnings among these log lines. The run prints them if this test file fails. */
export const keepWarnings = async (logs: readonly string[]): Promise<void> => {
  const folder = process.env.TEST_WARNINGS
  const warnings = logs.filter(isWarning)
  if (!folder || warnings.length === 0) return
  const omitted = warnings.length - maxLines
  const shown = [
    ...warnings.slice(0, maxLines).map(summaryOf),
    ...(omitted > 0 ? [`and ${omitted} more`] : []),
  ]
  const { default: test } = await import('ava')
  await appendFile(join(folder, avaName(test.meta.file)), `${shown.join('\n')}\n`)
}
