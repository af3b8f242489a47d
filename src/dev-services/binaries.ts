import { execFileSync } from 'node:child_process'
import { accessSync, constants, globSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type Env = Record<string, string | undefined>

/** The programs of one Postgres version: the folder of `initdb` and `postgres`. */
export type PostgresPrograms = { folder: string; major: number }

const oldestPostgres = 15
const oldestRedis = 7

// Debian, Red Hat, Alpine and Homebrew install Postgres outside PATH.
const postgresFolders = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/libexec/postgresql*',
  '/opt/homebrew/opt/postgresql*/bin',
  '/usr/local/opt/postgresql*/bin',
  '/home/linuxbrew/.linuxbrew/opt/postgresql*/bin',
]
const commonFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/opt/homebrew/bin',
  '/home/linuxbrew/.linuxbrew/bin',
]

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Every path at which a program is installed, those in PATH first. */
export const programs = (name: string, env: Env): string[] =>
  [...(env.PATH ?? '').split(':').filter(Boolean), ...commonFolders]
    .map(folder => join(folder, name))
    .filter(isProgram)

const output = (program: string, argument: string): string => {
  try {
    return execFileSync(program, [argument], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

const majorOf = (versionLine: string): number => Number(/(?:\bv=|\) )(\d+)/.exec(versionLine)?.[1] ?? 0)

/** Every Postgres on this machine that is new enough: first the one in PATH, then from new to old. */
export const findPostgresPrograms = (env: Env): PostgresPrograms[] => {
  const inPath = programs('postgres', env).map(path => dirname(realpathSync(path)))
  const fromPgConfig = programs('pg_config', env).map(path => output(path, '--bindir'))
  const complete = [...new Set([...inPath, ...fromPgConfig, ...globSync(postgresFolders)])].filter(
    folder => isProgram(join(folder, 'initdb')) && isProgram(join(folder, 'postgres')),
  )
  return complete
    .map(folder => ({ folder, major: majorOf(output(join(folder, 'postgres'), '--version')) }))
    .filter(({ major }) => major >= oldestPostgres)
    .sort(
      (a, b) => Number(inPath.includes(b.folder)) - Number(inPath.includes(a.folder)) || b.major - a.major,
    )
}

/** The path of a Redis or Valkey server that is new enough; undefined if none is installed. */
export const findRedisProgram = (env: Env): string | undefined =>
  ['redis-server', 'valkey-server']
    .flatMap(name => programs(name, env))
    .find(path => majorOf(output(path, '--version')) >= oldestRedis)
