import { execFileSync } from 'node:child_process'

/** Whom a server runs as; undefined: as ourselves. */
export type RunAs = { uid: number; gid: number } | undefined

const accountId = (flag: '-u' | '-g', user: string): number | null => {
  try {
    return Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch {
    return null
  }
}

/** Postgres refuses to run as root, and Redis need not: as root both run as `postgres`, or `nobody`. */
export const unprivilegedUser = (): RunAs => {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    const uid = accountId('-u', user)
    const gid = accountId('-g', user)
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    'Running as root, and there is neither a user "postgres" nor "nobody" for Postgres to run as',
  )
}
