import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// The compared services are not dependencies of the product. `npm run bench` installs them, and only once.

const at = (name: string): URL => new URL(name, import.meta.url)
const installed = at('./node_modules/.package-lock.json')
const isFresh =
  existsSync(installed) && statSync(installed).mtimeMs >= statSync(at('./package-lock.json')).mtimeMs

if (!isFresh) {
  process.stderr.write('installing the services that Latchkey is compared with\n')
  const { status } = spawnSync('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    ...{ cwd: fileURLToPath(at('.')), stdio: ['ignore', 'ignore', 'inherit'] },
  })
  process.exitCode = status ?? 1
}
