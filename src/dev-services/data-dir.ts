import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunAs, unprivilegedUser } from './run-as.ts'
import { checkout, stateFolder } from './state-folder.ts'

// Where a private server lives. The base folder is ours: it holds log, port and password. The data folder
// in it belongs to the user that the server runs as, who needs no more than to pass through the base.
// Under /var/tmp anybody can make folders and links: nothing is used there that another user made.

/** `data` is the folder of the server's data. A temporary base is to be removed in the end. */
export type Place = { base: string; data: string; runAs: RunAs; temporary: boolean }

export type ServerName = 'postgres' | 'redis'
/** `dev` keeps its data, `test` throws it away. */
export type Purpose = 'dev' | 'test'

const us = process.getuid?.() ?? -1

const canEnter = (folder: string, runAs: RunAs): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...runAs, cwd: '/', stdio: 'ignore' }).status ===
  0

const ownBase = async (folder: string, runAs: RunAs): Promise<string> => {
  await mkdir(folder, { mode: 0o700 }).catch(fault => {
    if (fault.code !== 'EEXIST') throw fault
  })
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== us)
    throw new Error(`${folder} is not a folder that belongs to this user: remove it`)
  await chmod(folder, runAs ? 0o711 : 0o700)
  if (!canEnter(folder, runAs)) throw new Error(`${folder} cannot be entered by user ${runAs?.uid ?? us}`)
  return folder
}

const devBase = (runAs: RunAs): Promise<string> => {
  const folder = stateFolder(process.env)
  const owner = process.env.LATCHKEY_STATE ? folder : checkout
  const mark = createHash('sha256').update(`${us} ${owner}`).digest('hex').slice(0, 16)
  return ownBase(folder, runAs).catch(() => ownBase(`/var/tmp/latchkey-${mark}`, runAs))
}

const memory = '/dev/shm'
const tmpfs = 0x01021994

// A database on disk that is made for one test file costs ten times the CPU of one in memory. Containers often have
// 64 MB there, which is too little.
const memoryFolder = async (): Promise<string[]> => {
  const found = await statfs(memory).catch(() => null)
  if (found?.type !== tmpfs) return []
  return Math.min(found.bavail * found.bsize, process.availableMemory()) > 2 ** 31 ? [memory] : []
}

const temporaryBase = async (name: ServerName, runAs: RunAs): Promise<string> => {
  for (const parent of [...(await memoryFolder()), tmpdir()].filter(folder => canEnter(folder, runAs))) {
    const made = await mkdtemp(join(parent, `latchkey-${name}-`)).catch(() => null)
    if (made) return ownBase(made, runAs)
  }
  return ownBase(await mkdtemp(`/var/tmp/latchkey-${name}-`), runAs)
}

/** Makes the folders of a server, or finds them: in the checkout for `dev`, throw-away ones for `test`. */
export const openPlace = async (purpose: Purpose, name: ServerName): Promise<Place> => {
  const user = unprivilegedUser()
  const temporary = purpose === 'test'
  const base = await (temporary ? temporaryBase(name, user) : devBase(user))
  const data = join(base, name)
  await mkdir(data, { mode: 0o700 }).catch(fault => {
    if (fault.code !== 'EEXIST') throw fault
  })
  const found = await lstat(data)
  if (!found.isDirectory()) throw new Error(`${data} is not a folder: remove it`)
  if (!user) return { base, data, runAs: undefined, temporary }
  const runAs = found.uid === us ? user : { uid: found.uid, gid: found.gid }
  await chown(data, runAs.uid, runAs.gid)
  return { base, data, runAs, temporary }
}

/** What a private server is reached by. */
export type Settings = { port?: number; password: string }

const settingsFile = (place: Place, name: ServerName) => join(place.base, `${name}.json`)

/** Reads the settings of a server from its last run, or makes up a password. */
export const readSettings = async (place: Place, name: ServerName): Promise<Settings> => {
  try {
    return JSON.parse(await readFile(settingsFile(place, name), 'utf8'))
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') throw fault
    return { password: randomBytes(24).toString('base64url') }
  }
}

export const keepSettings = (place: Place, name: ServerName, settings: Settings): Promise<void> =>
  writeFile(settingsFile(place, name), JSON.stringify(settings), { mode: 0o600 })

/** Calls `use` with a file that holds a secret, readable by the server alone, and removes the file. */
export const withSecretFile = async <T>(
  place: Place,
  name: string,
  content: string,
  use: (path: string) => Promise<T>,
): Promise<T> => {
  const path = join(place.base, name)
  await rm(path, { force: true })
  await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  if (place.runAs) await chown(path, place.runAs.uid, place.runAs.gid)
  try {
    return await use(path)
  } finally {
    await rm(path, { force: true })
  }
}
