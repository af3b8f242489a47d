import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

// AVA's TAP reporter crashes on a test that hangs or exits (avajs/ava#3461) and does not report the line of a failed test
// (avajs/ava#3326). So this parses the output of the default reporter, as it is without a terminal.

/** The counts of a run. A file that crashed or has no test counts as a failed test. */
export type Counts = { passed: number; failed: number; skipped: number }

/** Why a test failed: a wrong value, a wait that timed out, a server that did not answer, or a file that crashed. */
export type Cause = 'assertion' | 'timeout' | 'environment' | 'crash'

/** A failed test by AVA's name, `folder › file › title`. */
export type Failure = { name: string; cause: Cause }

export type Listener = {
  /** Receives each line to be printed. */
  say: (line: string) => void
  /** Receives the file name of each passed test. */
  passed: (file: string) => void
}

const separator = ' › '
const alreadyCounted = /^ *✘ (Timed out while running tests|\d+ tests? remaining in )/
const summary =
  /^ *(\d+) (?:(?:tests?|hooks?) failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/
const emptyLine = /^[─\s]*$/

const timeout = /Timed out after \d+ ms|Test timeout exceeded|Timed out while running tests|remaining in |◌/
const environment =
  /\b(?:ECONNREFUSED|ECONNRESET|EADDRINUSE|ENOSPC|ENOMEM|EMFILE|ENFILE|EAGAIN)\b|socket hang up|too many clients|answered 503/

const crash =
  /exited with a non-zero exit code|process\.exit\(\)|No tests found in|Uncaught exception|Failed to exit/

const causes = [
  ['crash', crash],
  ['timeout', timeout],
  ['environment', environment],
] as const

/** The cause of a failure, derived from the text that AVA prints. */
export const causeOf = (text: string): Cause => {
  const found = causes.find(([, pattern]) => pattern.test(text))
  return found?.[0] ?? 'assertion'
}

// AVA prints the name again above the details, without the message that followed it in the summary.
const detailsOf = (details: ReadonlyMap<string, string[]>, title: string): string[] | undefined =>
  details.get(title) ??
  (title.includes(separator) ? [...details].find(([name]) => name.startsWith(`${title} `))?.[1] : undefined)

const fileOf = (name: string): string => name.split(separator).slice(0, -1).join(separator)

/** Parses the output of AVA. Prints failures in full, and reports only the file of each passed test. */
export const readAvaOutput = async (
  output: Readable,
  { say, passed }: Listener,
): Promise<Counts & { failures: Failure[] }> => {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  const details = new Map<string, string[]>()
  let currentDetails: string[] | undefined
  let summaryFailures = 0
  let lastWasEmpty = true
  for await (const line of createInterface({ input: output })) {
    const name = /^ *✔ (?:\[expected fail\] )?(.*?)(?: \([\d.]+\w+\))?$/.exec(line)?.[1]
    if (name !== undefined) {
      counts.passed++
      passed(fileOf(name))
      continue
    }
    if (/^ *- \[(skip|todo)\]/.test(line)) {
      counts.skipped++
      continue
    }
    if (/^ *\d+ tests? (passed|skipped|todo)/.test(line)) continue
    if (!emptyLine.test(line) || !lastWasEmpty) {
      lastWasEmpty = emptyLine.test(line)
      say(lastWasEmpty ? '' : line)
    }
    if (/^ *[✘◌] /.test(line) && !alreadyCounted.test(line)) {
      counts.failed++
      const failed = line.replace(/^ *[✘◌] (?:\[fail\]: )?/, '').replace(/ \([\d.]+\w+\)$/, '')
      details.set(failed, [line])
    } else currentDetails = detailsOf(details, line.trim()) ?? currentDetails
    currentDetails?.push(line)
    summaryFailures += Number(summary.exec(line)?.[1] ?? 0)
  }
  const failures = [...details].map(([name, text]) => ({ name, cause: causeOf(text.join('\n')) }))
  return { ...counts, failed: Math.max(counts.failed, summaryFailures), failures }
}
