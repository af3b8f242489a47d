import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** AVA's name of a test file, as it stands before the titles of its tests. `url` is `test.meta.file`. */
export const avaName = (url: string): string =>
  relative(folder, fileURLToPath(url))
    .replace(/\.test\.ts$/, '')
    .replaceAll('/', ' › ')
