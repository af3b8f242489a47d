import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunAs, unprivilegedUser } from './run-as.ts'
import { checkout, stateFolder } from './state-folder.ts'

// The folders of a private server. The base folder belongs to the user of this process and holds log, port and password.
// The data folder in it belongs to the user that the server runs as, who may enter the base folder but not list it.
//
// In /var/tmp any user can create folders and links, so a folder of another user is never used.

/** `path` is the data folder of the server, inside `base`. The base folder of a temporary one is removed at the end. */
export type DataDir = { base: string; path: string; runAs: RunAs; temporary: boolean }

export type ServerName = 'postgres' | 'redis'
/** `dev` keeps the data of the servers, `test` removes it. */
export type Purpose = 'dev' | 'test'

const ownUid = process.getuid?.() ?? -1

const canEnter = (folder: string, runAs: RunAs): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...runAs, cwd: '/', stdio: 'ignore' }).status ===
  0

const openBase = async (folder: string, runAs: RunAs): Promise<string> => {
  await mkdir(folder, { mode: 0o700 }).catch(error => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== ownUid)
    throw new Error(`${folder} is not a folder of this user. Remove it and start again.`)
  await chmod(folder, runAs ? 0o711 : 0o700)
  if (!canEnter(folder, runAs))
    throw new Error(`${folder} cannot be entered by user ${runAs?.uid ?? ownUid}.`)
  return folder
}

const devBase = (runAs: RunAs): Promise<string> => {
  const folder = stateFolder(process.env)
  const owner = process.env.LATCHKEY_STATE ? folder : checkout
  const hash = createHash('sha256').update(`${ownUid} ${owner}`).digest('hex').slice(0, 16)
  return openBase(folder, runAs).catch(() => openBase(`/var/tmp/latchkey-${hash}`, runAs))
}

const memoryPath = '/dev/shm'
const tmpfsMagic = 0x01021994

// Creating a database for one test file costs ten times the CPU on disk as in memory. In a container /dev/shm often has
// 64 MB, which is too little.
const memoryFolder = async (): Promise<string[]> => {
  const found = await statfs(memoryPath).catch(() => null)
  if (found?.type !== tmpfsMagic) return []
  return Math.min(found.bavail * found.bsize, process.availableMemory()) > 2 ** 31 ? [memoryPath] : []
}

const temporaryBase = async (name: ServerName, runAs: RunAs): Promise<string> => {
  for (const parent of [...(await memoryFolder()), tmpdir()].filter(folder => canEnter(folder, runAs))) {
    const made = await mkdtemp(join(parent, `latchkey-${name}-`)).catch(() => null)
    if (made) return openBase(made, runAs)
  }
  return openBase(await mkdtemp(`/var/tmp/latchkey-${name}-`), runAs)
}

/** Creates or finds the folders of a server: lasting ones in the state folder for `dev`, temporary ones for `test`. */
export const openDataDir = async (purpose: Purpose, name: ServerName): Promise<DataDir> => {
  const user = unprivilegedUser()
  const temporary = purpose === 'test'
  const base = await (temporary ? temporaryBase(name, user) : devBase(user))
  const path = join(base, name)
  await mkdir(path, { mode: 0o700 }).catch(error => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await lstat(path)
  if (!found.isDirectory()) throw new Error(`${path} is not a folder. Remove it and start again.`)
  if (!user) return { base, path, runAs: undefined, temporary }
  const runAs = found.uid === ownUid ? user : { uid: found.uid, gid: found.gid }
  await chown(path, runAs.uid, runAs.gid)
  return { base, path, runAs, temporary }
}

/** Port and password of a private server. */
export type Settings = { port?: number; password: string }

const settingsFile = (dataDir: DataDir, name: ServerName) => join(dataDir.base, `${name}.json`)

/** Reads the settings of the last run of a server, or generates a password. */
export const readSettings = async (dataDir: DataDir, name: ServerName): Promise<Settings> => {
  try {
    return JSON.parse(await readFile(settingsFile(dataDir, name), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { password: randomBytes(24).toString('base64url') }
  }
}

/** Stores the settings for the next run of a server, readable only by this user. */
export const saveSettings = (dataDir: DataDir, name: ServerName, settings: Settings): Promise<void> =>
  writeFile(settingsFile(dataDir, name), JSON.stringify(settings), { mode: 0o600 })

/** Writes a secret to a file that only the server can read, calls `use` with its path, then removes the file. */
export const withSecretFile = async <T>(
  dataDir: DataDir,
  name: string,
  content: string,
  use: (path: string) => Promise<T>,
): Promise<T> => {
  const path = join(dataDir.base, name)
  await rm(path, { force: true })
  await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  if (dataDir.runAs) await chown(path, dataDir.runAs.uid, dataDir.runAs.gid)
  try {
    return await use(path)
  } finally {
    await rm(path, { force: true })
  }
}
