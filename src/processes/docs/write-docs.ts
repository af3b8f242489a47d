import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedFiles } from './generated-docs.ts'

// `npm run docs` writes every derived file anew. With `--check` it changes nothing and fails if one is stale.

const root = join(import.meta.dirname, '../../..')
const stale = generatedFiles(root).filter(({ current, expected }) => current !== expected)

if (!process.argv.includes('--check')) {
  for (const { path, expected } of stale) writeFileSync(join(root, path), expected)
} else if (stale.length > 0) {
  const names = stale.map(({ path }) => `  ${path}\n`).join('')
  process.stderr.write(`These files are out of date:\n${names}Run "npm run docs" and commit the result.\n`)
  process.exitCode = 1
}
