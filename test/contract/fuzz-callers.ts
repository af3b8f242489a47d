import type { Email } from '../../src/platform/mail/entity.ts'
import { type Account, anAccount } from '../fixtures.ts'
import { anAdmin } from '../integration/admin/admin-account.ts'
import type { Shop } from '../integration/purchases/shop.ts'
import type { World } from '../world.ts'
import type { CallerKind } from './fuzz-requests.ts'
import { type Placeholder, placeholder, placeholders } from './fuzz-values.ts'

// The accounts that send the requests. An account is created at its first use, and again after a request that may have
// revoked its sessions or tokens.

export type Callers = {
  /** Replaces the placeholders of a text. Returns the text and the inserted secrets. */
  fill: (text: string, caller: CallerKind, path: string) => Promise<{ text: string; secrets: string[] }>
  /** Creates new accounts for the next requests. */
  reset: () => void
  /** The ids of all accounts that the test itself made administrators. */
  admins: Set<string>
}

const secret: readonly Placeholder[] = ['password', 'refresh', 'access', 'token']

export const openCallers = (world: Shop): Callers => {
  const admins = new Set<string>()
  const accounts = new Map<string, Promise<Account>>()
  const make = async (name: string) => {
    const account = await (name === 'admin' ? anAdmin(world) : anAccount(world.client))
    if (name === 'admin') admins.add(account.userId)
    return account
  }
  const accountOf = (name: 'user' | 'admin' | 'victim'): Promise<Account> => {
    const found = accounts.get(name) ?? make(name)
    accounts.set(name, found)
    return found
  }
  const values: Record<Placeholder, (account: Account, path: string) => Promise<string> | string> = {
    email: ({ email }) => email,
    password: ({ password }) => password,
    refresh: ({ refresh }) => refresh,
    access: ({ access }) => access,
    userId: ({ userId }) => userId,
    sessionId: ({ sessionId }) => sessionId,
    victimId: async () => (await accountOf('victim')).userId,
    slug: () => world.aSite(),
    mailId: account => failedMail(world, account),
    token: (account, path) =>
      issueTokenFor(world, account, path.includes('reset') ? 'reset_password' : 'verify_email'),
  }
  return {
    admins,
    reset: () => accounts.clear(),
    fill: async (text, caller, path) => {
      const secrets: string[] = []
      let filled = text
      for (const name of placeholders.filter(each => text.includes(placeholder(each)))) {
        const value = await values[name](await accountOf(caller === 'admin' ? 'admin' : 'user'), path)
        if (secret.includes(name)) secrets.push(value)
        filled = filled.replaceAll(placeholder(name), value)
      }
      return { text: filled, secrets }
    },
  }
}

const failedMail = async ({ sql }: World, { email }: Account): Promise<string> => {
  const [row] = await sql<Email>(`UPDATE emails SET status = 'failed' WHERE recipient = $1 RETURNING id`, [
    email,
  ])
  return row?.id ?? ''
}

/** Issues a valid token, as the worker does for an email. */
const issueTokenFor = async (world: World, { email, userId }: Account, kind: string): Promise<string> => {
  if (kind === 'reset_password') await world.client.post('forgot-password', { email })
  const [row] = await world.sql<Email>(
    'SELECT * FROM emails WHERE recipient = $1 AND kind = $2 ORDER BY id DESC LIMIT 1',
    [email, kind],
  )
  const issued = row && (await world.issueOneTimeToken({ ...row, kind }, { userId, address: email }))
  return issued?.token ?? 'lkp_used'
}
