import { execFile } from 'node:child_process'
import { chown, lstat, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { PostgresPrograms } from './binaries.ts'
import { keepSettings, type Place, type Settings, withSecretFile } from './data-dir.ts'

const run = promisify(execFile)

const textOf = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)

const commandOf = async (pid: string): Promise<string> => {
  const fromProc = await textOf(`/proc/${pid}/comm`)
  if (fromProc !== null) return fromProc
  return run('ps', ['-o', 'comm=', '-p', pid]).then(
    ({ stdout }) => stdout,
    () => '',
  )
}

// Postgres itself sees that its pid file is stale where the process is gone, but not where an unrelated
// process has that number by now, as after a restart of the machine.
const awaitPreviousServer = async (data: string): Promise<void> => {
  const pidFile = join(data, 'postmaster.pid')
  for (const deadline = Date.now() + 10_000; ; await sleep(200)) {
    const pid = /^\d+/.exec((await textOf(pidFile)) ?? '')?.[0]
    if (!pid) return
    if (!/postgres|postmaster/.test(await commandOf(pid))) return rm(pidFile, { force: true })
    if (Date.now() > deadline)
      throw new Error(`Postgres (process ${pid}) still runs on ${data}: end the other start of this checkout`)
  }
}

const initialise = async (place: Place, settings: Settings, folder: string): Promise<void> => {
  const fresh = `${place.data}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  if (place.runAs) await chown(fresh, place.runAs.uid, place.runAs.gid)
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8'
  await withSecretFile(place, 'postgres.password', `${settings.password}\n`, passwordFile =>
    run(
      join(folder, 'initdb'),
      [
        ...['-D', fresh, '-U', 'latchkey', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '-E', 'UTF8'],
        ...[`--locale=${locale}`, '--lc-messages=C', ...(place.temporary ? ['--no-sync'] : [])],
      ],
      { ...place.runAs, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' } },
    ).catch(fault => {
      throw new Error(`initdb failed:\n${String(fault.stderr).trim()}`)
    }),
  )
  await keepSettings(place, 'postgres', settings)
  await rmdir(place.data)
  await rename(fresh, place.data)
}

/**
 * Makes the data folder ready for a server: initialised, and free of the server before. Returns the
 * programs that fit its version: the first ones for a new folder.
 */
export const preparePostgres = async (
  place: Place,
  settings: Settings,
  candidates: PostgresPrograms[],
): Promise<PostgresPrograms> => {
  const [first] = candidates
  if (!first) throw new Error('There is no Postgres to start')
  const version = await textOf(join(place.data, 'PG_VERSION'))
  if (version === null) {
    await initialise(place, settings, first.folder)
    return first
  }
  if (!(await lstat(join(place.base, 'postgres.json')).catch(() => null)))
    throw new Error(
      `The password of ${place.data} is lost: remove the folder to begin with an empty database`,
    )
  const fitting = candidates.find(({ major }) => major === Number(version))
  if (!fitting)
    throw new Error(
      `${place.data} was made by Postgres ${version.trim()}, here is ${candidates.map(c => c.major).join(', ')}: ` +
        'install that version, or remove the folder to begin with an empty database',
    )
  await awaitPreviousServer(place.data)
  return fitting
}
