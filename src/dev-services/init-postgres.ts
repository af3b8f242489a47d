import { execFile } from 'node:child_process'
import { chown, lstat, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { PostgresPrograms } from './binaries.ts'
import { type DataDir, type Settings, saveSettings, withSecretFile } from './data-dir.ts'

const run = promisify(execFile)

const textOf = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)

const commandName = async (pid: string): Promise<string> => {
  const fromProc = await textOf(`/proc/${pid}/comm`)
  if (fromProc !== null) return fromProc
  return run('ps', ['-o', 'comm=', '-p', pid]).then(
    ({ stdout }) => stdout,
    () => '',
  )
}

// Postgres detects a stale pid file if no process has that id. It does not if an unrelated process has the id by now, as
// happens after a reboot.
const awaitPreviousServer = async (data: string): Promise<void> => {
  const pidFile = join(data, 'postmaster.pid')
  for (const deadline = Date.now() + 10_000; ; await sleep(200)) {
    const pid = /^\d+/.exec((await textOf(pidFile)) ?? '')?.[0]
    if (!pid) return
    if (!/postgres|postmaster/.test(await commandName(pid))) return rm(pidFile, { force: true })
    if (Date.now() > deadline)
      throw new Error(
        `Postgres (process ${pid}) still uses ${data}. Stop the other "npm start" of this checkout first.`,
      )
  }
}

const initialise = async (dataDir: DataDir, settings: Settings, folder: string): Promise<void> => {
  const newPath = `${dataDir.path}.new`
  await rm(newPath, { recursive: true, force: true })
  await mkdir(newPath, { mode: 0o700 })
  if (dataDir.runAs) await chown(newPath, dataDir.runAs.uid, dataDir.runAs.gid)
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8'
  await withSecretFile(dataDir, 'postgres.password', `${settings.password}\n`, passwordFile =>
    run(
      join(folder, 'initdb'),
      [
        `--pgdata=${newPath}`,
        '--username=latchkey',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        `--locale=${locale}`,
        '--lc-messages=C',
        ...(dataDir.temporary ? ['--no-sync'] : []),
      ],
      { ...dataDir.runAs, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' } },
    ).catch(error => {
      throw new Error(`initdb failed:\n${String(error.stderr).trim()}`)
    }),
  )
  await saveSettings(dataDir, 'postgres', settings)
  await rmdir(dataDir.path)
  await rename(newPath, dataDir.path)
}

/**
 * Prepares the data folder: initialises a new one, and waits until the previous server has stopped. Returns the programs
 * that match the version of the data, or the first candidate for a new folder.
 */
export const preparePostgres = async (
  dataDir: DataDir,
  settings: Settings,
  candidates: PostgresPrograms[],
): Promise<PostgresPrograms> => {
  const [first] = candidates
  if (!first) throw new Error('No Postgres programs were found.')
  const version = await textOf(join(dataDir.path, 'PG_VERSION'))
  if (version === null) {
    await initialise(dataDir, settings, first.folder)
    return first
  }
  if (!(await lstat(join(dataDir.base, 'postgres.json')).catch(() => null)))
    throw new Error(
      `The password of the database in ${dataDir.path} is lost. Remove the folder to start with an empty database.`,
    )
  const matching = candidates.find(({ major }) => major === Number(version))
  if (!matching)
    throw new Error(
      `${dataDir.path} was created by Postgres ${version.trim()}, but only ${candidates.map(c => c.major).join(', ')} is installed. ` +
        'Install that version, or remove the folder to start with an empty database.',
    )
  await awaitPreviousServer(dataDir.path)
  return matching
}
