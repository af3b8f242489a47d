import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

// AVA's TAP reporter dies of a test that hangs or exits (avajs/ava#3461) and names no line of the test
// (avajs/ava#3326). So this reads the default reporter, as it writes where there is no terminal.

/** What a run came to. A file that crashed, or holds no test, counts as a failed test. */
export type Tally = { passed: number; failed: number; skipped: number }

const separator = ' › '
const alreadyCounted = /^ *✘ (Timed out while running tests|\d+ tests? remaining in )/
const sum =
  /^ *(\d+) (?:(?:tests?|hooks?) failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/
const empty = /^[─\s]*$/

/** Reads what AVA writes and says it again in short: all of what failed, and one line a file. */
export const readAvaOutput = async (output: Readable, say: (line: string) => void): Promise<Tally> => {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
  const passedOf = new Map<string, number>()
  let summed = 0
  let gap = true
  for await (const line of createInterface({ input: output })) {
    const passed = /^ *✔ (?:\[expected fail\] )?(.*)$/.exec(line)?.[1]
    if (passed !== undefined) {
      tally.passed++
      const file = passed.split(separator).slice(0, -1).join(separator)
      passedOf.set(file, (passedOf.get(file) ?? 0) + 1)
    } else if (/^ *- \[(skip|todo)\]/.test(line)) tally.skipped++
    else if (/^ *\d+ tests? (passed|skipped|todo)/.test(line)) continue
    else if (!empty.test(line) || !gap) {
      gap = empty.test(line)
      say(gap ? '' : line)
      if (/^ *[✘◌] /.test(line) && !alreadyCounted.test(line)) tally.failed++
      summed += Number(sum.exec(line)?.[1] ?? 0)
    }
  }
  for (const [file, count] of [...passedOf].sort()) if (file) say(`✔ ${file}: ${count} passed`)
  return { ...tally, failed: Math.max(tally.failed, summed) }
}
