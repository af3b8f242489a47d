import { appendFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

// Why a test failed on a machine that nobody can look at is often said in what the app logged meanwhile.

const here = fileURLToPath(new URL('.', import.meta.url))
const atMost = 40

/** What AVA calls this test file before the title of each test. */
const ownName = (): string =>
  relative(here, fileURLToPath(test.meta.file))
    .replace(/\.test\.ts$/, '')
    .replaceAll('/', ' › ')

/** Keeps the warnings and errors among these log lines until it is known whether this test file fails. */
export const keepWarnings = async (logs: readonly string[]): Promise<void> => {
  const folder = process.env.TEST_WARNINGS
  const warnings = logs.filter(line => /^\{"level":"(?:warn|error|fatal)"/.test(line))
  if (!folder || warnings.length === 0) return
  const { length } = warnings
  const shown = [...warnings.slice(0, atMost), ...(length > atMost ? [`and ${length - atMost} more\n`] : [])]
  await appendFile(join(folder, ownName()), shown.join(''))
}
