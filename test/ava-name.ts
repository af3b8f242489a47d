import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** The name that AVA prints before the titles of a test file. `url` is `test.meta.file`. */
export const avaName = (url: string): string =>
  relative(folder, fileURLToPath(url))
    .replace(/\.test\.ts$/, '')
    .replaceAll('/', ' › ')
