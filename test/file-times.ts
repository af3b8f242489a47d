import { appendFileSync } from 'node:fs'
import test, { registerCompletionHandler } from 'ava'
import { avaName } from './ava-name.ts'

// AVA loads this before each test file. It reports when the file has ended, because the output of AVA does not.

/** One line of the file in `TEST_ENDS`: a test file and its duration in milliseconds. */
export type FileEnd = { file: string; took: number }

// AVA enables source maps for compiled code. These tests are not compiled, and reading the maps of packages takes a tenth
// of the time of a file.
process.setSourceMapsEnabled(false)

const ends = process.env.TEST_ENDS
const began = performance.now()

if (ends)
  registerCompletionHandler(() => {
    const end: FileEnd = {
      file: avaName(test.meta.file),
      took: Math.round(performance.now() - began),
    }
    appendFileSync(ends, `${JSON.stringify(end)}\n`)
  })
