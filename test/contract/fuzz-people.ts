import type { TokenKind } from '../../src/features/one-time-tokens/issue-one-time-token.ts'
import type { Email } from '../../src/platform/mail/entity.ts'
import { type Account, anAccount } from '../fixtures.ts'
import { anAdmin } from '../integration/admin/admin-account.ts'
import type { Shop } from '../integration/purchases/shop.ts'
import type { World } from '../world.ts'
import type { Who } from './fuzz-requests.ts'
import { type Mark, mark, marks } from './fuzz-values.ts'

// Who the requests come from. Somebody is made when they are needed first, and anew after a request that may have ended
// what they had.

export type People = {
  /** A text with its marks put right, and the secrets that were filled in. */
  fill: (text: string, who: Who, path: string) => Promise<{ text: string; secrets: string[] }>
  forget: () => void
  /** Everybody who was ever made an administrator. */
  admins: Set<string>
}

const secret: readonly Mark[] = ['password', 'refresh', 'access', 'proof']

export const openPeople = (world: Shop): People => {
  const admins = new Set<string>()
  const known = new Map<string, Promise<Account>>()
  const make = async (name: string) => {
    const account = await (name === 'admin' ? anAdmin(world) : anAccount(world.client))
    if (name === 'admin') admins.add(account.userId)
    return account
  }
  const person = (name: 'user' | 'admin' | 'victim'): Promise<Account> => {
    const found = known.get(name) ?? make(name)
    known.set(name, found)
    return found
  }
  const values: Record<Mark, (caller: Account, path: string) => Promise<string> | string> = {
    email: ({ email }) => email,
    password: ({ password }) => password,
    refresh: ({ refresh }) => refresh,
    access: ({ access }) => access,
    userId: ({ userId }) => userId,
    sessionId: ({ sessionId }) => sessionId,
    victimId: async () => (await person('victim')).userId,
    slug: () => world.aSite(),
    mailId: caller => failedMail(world, caller),
    proof: (caller, path) =>
      proofFor(world, caller, path.includes('reset') ? 'reset_password' : 'verify_email'),
  }
  return {
    admins,
    forget: () => known.clear(),
    fill: async (text, who, path) => {
      const secrets: string[] = []
      let filled = text
      for (const name of marks.filter(each => text.includes(mark(each)))) {
        const value = await values[name](await person(who === 'admin' ? 'admin' : 'user'), path)
        if (secret.includes(name)) secrets.push(value)
        filled = filled.replaceAll(mark(name), value)
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

/** A live token, as the worker writes it into the mail. */
const proofFor = async (world: World, { email, userId }: Account, kind: TokenKind): Promise<string> => {
  if (kind === 'reset_password') await world.client.post('forgot-password', { email })
  const [row] = await world.sql<Email>(
    'SELECT * FROM emails WHERE recipient = $1 AND kind = $2 ORDER BY id DESC LIMIT 1',
    [email, kind],
  )
  const proof = row && (await world.issueOneTimeToken({ ...row, kind }, { userId, address: email }))
  return proof?.token ?? 'lkp_spent'
}
