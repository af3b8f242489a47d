import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// The peers are no dependencies of the product: they are installed when somebody measures, and once.

const at = (name: string): URL => new URL(name, import.meta.url)
const installed = at('./node_modules/.package-lock.json')
const isFresh =
  existsSync(installed) && statSync(installed).mtimeMs >= statSync(at('./package-lock.json')).mtimeMs

if (!isFresh) {
  process.stderr.write('installing what Latchkey is measured against\n')
  const { status } = spawnSync('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    ...{ cwd: fileURLToPath(at('.')), stdio: ['ignore', 'ignore', 'inherit'] },
  })
  process.exitCode = status ?? 1
}
