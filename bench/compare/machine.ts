import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** How busy the machine is, over the last minute. */
export const load = (): string => loadavg()[0]?.toFixed(1) ?? ''

export const machine = (): string =>
  `${availableParallelism()} cores (${cpus()[0]?.model.trim() || 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`

const versionIn = (folder: string, name: string): string => {
  const file = new URL(`${folder}/node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

const peers = [
  'better-auth',
  '@better-auth/redis-storage',
  'express',
  'jsonwebtoken',
  'fastify',
  '@fastify/jwt',
]
const shared = ['koa', '@koa/router', 'pg', 'ioredis', 'bcrypt']

const git = (...args: string[]): string =>
  execFileSync('git', args, {
    ...{ encoding: 'utf8', cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'ignore'] },
  }).trim()

/** What is measured. The benchmark itself writes its results, which must not mark the commit. */
const measured = ['src', 'packages', 'migrations', 'templates', 'package-lock.json']

/** The measured commit, with a mark if files of the service differ from it. */
export const commit = (): string => {
  try {
    const root = git('rev-parse', '--show-toplevel')
    const changed = git('-C', root, 'status', '--porcelain', '--', ...measured)
    return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}`
  } catch {
    return 'unknown'
  }
}

/** The versions of everything that was measured. */
export const versions = (): Record<string, string> => ({
  Node: process.versions.node,
  ...Object.fromEntries(peers.map(name => [name, versionIn('..', name)])),
  ...Object.fromEntries(shared.map(name => [name, versionIn('../..', name)])),
})
