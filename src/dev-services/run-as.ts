import { execFileSync } from 'node:child_process'

/** The user that a server runs as; undefined is the user of this process. */
export type RunAs = { uid: number; gid: number } | undefined

const accountId = (flag: '-u' | '-g', user: string): number | null => {
  try {
    return Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch {
    return null
  }
}

/** Started by root, both servers run as `postgres` or `nobody`: Postgres refuses to run as root. */
export const unprivilegedUser = (): RunAs => {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    const uid = accountId('-u', user)
    const gid = accountId('-g', user)
    if (uid && gid) return { uid, gid }
  }
  throw new Error(
    'Postgres cannot run as root, and there is no user "postgres" or "nobody". Create one, or start as another user.',
  )
}
