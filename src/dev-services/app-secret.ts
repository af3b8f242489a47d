import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Reads the APP_SECRET of this checkout, or creates it. With a new secret at each start every session would end. */
export const readAppSecret = async (folder: string): Promise<string> => {
  const file = join(folder, 'app-secret')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(file, randomBytes(32).toString('base64'), { flag: 'wx', mode: 0o600 }).catch(() => {})
  return readFile(file, 'utf8')
}
