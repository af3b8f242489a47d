import { appendFileSync } from 'node:fs'
import test, { registerCompletionHandler } from 'ava'
import { avaName } from './ava-name.ts'

// AVA loads this before each test file. It tells the run when the file has ended, which AVA's output does not.

/** One line of the file that `TEST_ENDS` names: a test file, and the milliseconds that it took. */
export type FileEnd = { file: string; took: number }

// AVA has them on for code that was compiled. Here nothing is, and reading those of packages costs a tenth of a file.
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
