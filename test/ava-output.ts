import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

// AVA's TAP reporter dies of a test that hangs or exits (avajs/ava#3461) and names no line of the test
// (avajs/ava#3326). So this reads the default reporter, as it writes where there is no terminal.

/** What a run came to. A file that crashed, or holds no test, counts as a failed test. */
export type Tally = { passed: number; failed: number; skipped: number }

/** Why a test failed: a wrong value, a wait that timed out, a server that did not answer, or a file that crashed. */
export type Cause = 'assertion' | 'timeout' | 'environment' | 'crash'

/** A failed test by AVA's name, `folder › file › title`. */
export type Failure = { name: string; cause: Cause }

export type Listener = {
  /** Gets each line that a person should read. */
  say: (line: string) => void
  /** Gets the name of the file of each test that passed. */
  passed: (file: string) => void
}

const separator = ' › '
const alreadyCounted = /^ *✘ (Timed out while running tests|\d+ tests? remaining in )/
const sum =
  /^ *(\d+) (?:(?:tests?|hooks?) failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/
const empty = /^[─\s]*$/

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

/** Why a test failed, by the text that AVA shows of it. */
export const causeOf = (text: string): Cause => {
  const found = causes.find(([, pattern]) => pattern.test(text))
  return found?.[0] ?? 'assertion'
}

// AVA repeats the name above the text, without the message that it puts behind the name at first.
const detailsOf = (details: ReadonlyMap<string, string[]>, title: string): string[] | undefined =>
  details.get(title) ??
  (title.includes(separator) ? [...details].find(([name]) => name.startsWith(`${title} `))?.[1] : undefined)

const fileOf = (name: string): string => name.split(separator).slice(0, -1).join(separator)

/** Reads what AVA writes and hands it on in short: all that failed, and for each test that passed its file. */
export const readAvaOutput = async (
  output: Readable,
  { say, passed }: Listener,
): Promise<Tally & { failures: Failure[] }> => {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
  const details = new Map<string, string[]>()
  let shown: string[] | undefined
  let summed = 0
  let gap = true
  for await (const line of createInterface({ input: output })) {
    const name = /^ *✔ (?:\[expected fail\] )?(.*?)(?: \([\d.]+\w+\))?$/.exec(line)?.[1]
    if (name !== undefined) {
      tally.passed++
      passed(fileOf(name))
      continue
    }
    if (/^ *- \[(skip|todo)\]/.test(line)) {
      tally.skipped++
      continue
    }
    if (/^ *\d+ tests? (passed|skipped|todo)/.test(line)) continue
    if (!empty.test(line) || !gap) {
      gap = empty.test(line)
      say(gap ? '' : line)
    }
    if (/^ *[✘◌] /.test(line) && !alreadyCounted.test(line)) {
      tally.failed++
      const failed = line.replace(/^ *[✘◌] (?:\[fail\]: )?/, '').replace(/ \([\d.]+\w+\)$/, '')
      details.set(failed, [line])
    } else shown = detailsOf(details, line.trim()) ?? shown
    shown?.push(line)
    summed += Number(sum.exec(line)?.[1] ?? 0)
  }
  const failures = [...details].map(([name, text]) => ({ name, cause: causeOf(text.join('\n')) }))
  return { ...tally, failed: Math.max(tally.failed, summed), failures }
}
