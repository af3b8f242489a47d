import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, emptyLedger, newAccount, newPassword, type Rig, type Visit } from './account.ts'
import {
  changePassword,
  changeProfile,
  listSessions,
  readProfile,
  refresh,
  register,
  signIn,
  signOut,
} from './account-actions.ts'
import type { Counters } from './counters.ts'
import { followLink, forgotPassword, type LinkEmail } from './emailed-links.ts'
import { type Attacker, attack, guessPassword, prepareAttacker, replayToken } from './hostile-client.ts'
import type { Recorder } from './recorder.ts'

// Visits begin at a fixed rate, even if earlier ones have not ended (open loop): a service that slows down gets no fewer
// of them. Each visit has an account to itself.

/** How often, of a hundred visits, and with which accounts. */
type Kind = { weight: number; may: (account: Account) => boolean; visit: (visit: Visit) => Promise<void> }

const signedIn = ({ session }: Account): boolean => session !== null
const mayRefresh = ({ session, permanent }: Account): boolean =>
  !permanent && session !== null && session.presented < 8
const isSettled = ({ verified, awaits, permanent, session }: Account): boolean =>
  verified && awaits === null && !permanent && session !== null

/** `nearFault`: a lost answer on top of a fault could keep a client from its new token for longer than promised. */
const kinds = (nearFault: () => boolean): Kind[] => [
  { weight: 40, may: signedIn, visit: readProfile },
  { weight: 10, may: signedIn, visit: changeProfile },
  { weight: 10, may: signedIn, visit: listSessions },
  { weight: 14, may: mayRefresh, visit: visit => refresh(visit) },
  { weight: 2, may: mayRefresh, visit: visit => refresh(visit, nearFault() ? 'once' : 'lost') },
  { weight: 2, may: mayRefresh, visit: visit => refresh(visit, 'twice') },
  { weight: 5, may: account => !signedIn(account), visit: signIn },
  { weight: 4.4, may: account => signedIn(account) && !account.permanent, visit: signOut },
  { weight: 0.4, may: isSettled, visit: changePassword },
  { weight: 0.4, may: account => isSettled(account) && account.resets < 1, visit: forgotPassword },
]

const weights = { register: 1.2, attack: 7, guess: 1.5, replay: 0.6 }

const retryTimeoutMs = 60_000

/** Clients of the soak wait as long as `Retry-After` says, and request an email at most twice: the limit is 3 an hour. */
const openRig = (recorder: Recorder, counters: Counters): Rig => ({
  ...recorder,
  ledger: emptyLedger(),
  retry: {
    wait: async reply => {
      const retryAfter = Number(reply?.headers.get('retry-after') ?? 1)
      await sleep(reply?.status === 503 ? retryAfter * 1000 + Math.random() * 500 : 200)
    },
    isOver: firstAt => Date.now() > firstAt + retryTimeoutMs,
    emails: { tries: 2, waitMs: 12_000 },
  },
  onRefusal: ({ status, body, headers }) => {
    const errors = JSON.stringify(body?.errors ?? '')
    counters.violation(
      status === 429 ? '429 to honest clients' : 'refusals of honest clients',
      `${status} ${body?.code ?? ''} ${headers.get('x-request-id') ?? ''} ${errors}`,
    )
  },
  onLostSession: detail => counters.violation('sessions lost', detail),
  onViolation: counters.violation,
  onNote: counters.note,
})

export type OpenLoop = {
  rig: Rig
  accounts: Account[]
  onLink: (email: LinkEmail) => void
  /** Makes the first accounts, three at a time. */
  seed: (signal: AbortSignal) => Promise<void>
  /** Begins this many visits a second until the signal aborts; resolves when the last has ended. */
  run: (rate: number, signal: AbortSignal) => Promise<void>
}

const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)]

type Weighted = { weight: number; begin: () => Promise<unknown> }

const draw = (from: readonly Weighted[]): Weighted | undefined => {
  let left = Math.random() * from.reduce((sum, { weight }) => sum + weight, 0)
  return from.find(({ weight }) => {
    left -= weight
    return left < 0
  })
}

const openAccount = (permanent: boolean): Account =>
  newAccount(`soak-${randomBytes(6).toString('hex')}@example.com`, newPassword(), permanent)

export const openLoop = (recorder: Recorder, counters: Counters, nearFault: () => boolean): OpenLoop => {
  const rig = openRig(recorder, counters)
  const accounts: Account[] = []
  const byEmail = new Map<string, Account>()
  const guessed: Account[] = []
  const robbed: Account[] = []
  const attackers: Attacker[] = []
  const onError = (error: Error) =>
    counters.violation('errors of the soak itself', String(error.stack ?? error))

  const occupy = async (account: Account, visit: (visit: Visit) => Promise<void>): Promise<void> => {
    account.busy = true
    await visit({ rig, account }).finally(() => {
      account.busy = false
    })
  }

  const enlist = async (permanent: boolean): Promise<Account> => {
    const account = openAccount(permanent)
    byEmail.set(account.email, account)
    await occupy(account, register)
    if (account.awaits) accounts.push(account)
    else byEmail.delete(account.email)
    return account
  }

  const begin = async ({ may, visit }: Kind): Promise<void> => {
    const idle = accounts.filter(({ busy }) => !busy)
    const suitable = pick(idle.filter(may))
    const other = pick(idle.filter(signedIn))
    if (suitable) await occupy(suitable, visit)
    else if (other) await occupy(other, readProfile)
    else counters.note('visits left out because every account was busy')
  }

  const use = async <T>(list: T[], act: (rig: Rig, item: T) => Promise<void>): Promise<void> => {
    const item = pick(list)
    if (item) await act(rig, item)
  }

  const visits: Weighted[] = [
    ...kinds(nearFault).map(kind => ({ weight: kind.weight, begin: () => begin(kind) })),
    { weight: weights.register, begin: () => enlist(false) },
    { weight: weights.attack, begin: () => use(attackers, attack) },
    { weight: weights.guess, begin: () => use(guessed, guessPassword) },
    { weight: weights.replay, begin: () => use(robbed, replayToken) },
  ]

  return {
    rig,
    accounts,
    onLink: email => {
      const follow = async (): Promise<void> => {
        const account = byEmail.get(email.to)
        while (account?.busy) await sleep(100)
        if (account?.awaits === email.page) await occupy(account, visit => followLink(visit, email))
      }
      follow().catch(onError)
    },
    seed: async signal => {
      const enlistSome = async (permanent: boolean, into?: Account[]) => {
        signal.throwIfAborted()
        const made = await Promise.all(Array.from({ length: 3 }, () => enlist(permanent)))
        into?.push(...made)
      }
      await enlistSome(false, guessed)
      await enlistSome(false, robbed)
      // No honest client uses an attacked account: an attack may slow its owner down.
      for (const account of accounts.splice(0)) account.session = null
      attackers.push(await prepareAttacker(rig))
      for (let left = 4; left > 0; left--) await enlistSome(true)
      for (let left = 28; left > 0; left--) await enlistSome(false)
    },
    run: async (rate, signal) => {
      const open = new Set<Promise<void>>()
      const began = performance.now()
      for (let turn = 1; !signal.aborted; turn++) {
        const visit: Promise<void> = Promise.resolve(draw(visits)?.begin()).then(() => {}, onError)
        const ended = visit.then(() => {
          open.delete(ended)
        })
        open.add(ended)
        if (open.size > 400) counters.note('moments with more than 400 visits at once')
        const due = began + (turn * 1000) / rate
        await sleep(Math.max(0, due - performance.now()), null, { signal }).catch(() => {})
      }
      await Promise.all(open)
    },
  }
}
