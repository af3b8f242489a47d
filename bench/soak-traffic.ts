import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask } from './soak-ask.ts'
import {
  type Account,
  forgot,
  isAwaited,
  newAccount,
  refresh,
  register,
  signIn,
  type Visit,
} from './soak-clients.ts'
import { replayToken, tryGarbage, tryPassword } from './soak-hostile.ts'
import type { Letter } from './soak-mail.ts'
import type { Tally } from './soak-tally.ts'
import { changePassword, changeProfile, listSessions, me, openLetter, signOut } from './soak-visits.ts'

// Visits begin at a steady rate, whatever has become of those before (open loop): a service that slows down gets no
// fewer of them. Each visit has an account to itself.

/** How often, of a hundred visits, and with whose account. */
type Kind = { weight: number; may: (account: Account) => boolean; visit: (visit: Visit) => Promise<void> }

const signedIn = ({ session }: Account): boolean => session !== null
const mayRenew = ({ session, steady }: Account): boolean =>
  !steady && session !== null && session.presented < 8
const isSettled = ({ verified, awaits, steady, session }: Account): boolean =>
  verified && awaits === null && !steady && session !== null

/** Set near a fault: then a lost answer on top could keep a client from its successor for longer than is promised. */
type Near = () => boolean

const kinds = (near: Near): Kind[] => [
  { weight: 40, may: signedIn, visit: me },
  { weight: 10, may: signedIn, visit: changeProfile },
  { weight: 10, may: signedIn, visit: listSessions },
  { weight: 14, may: mayRenew, visit: visit => refresh(visit) },
  { weight: 2, may: mayRenew, visit: visit => refresh(visit, near() ? 'once' : 'lost') },
  { weight: 2, may: mayRenew, visit: visit => refresh(visit, 'twice') },
  { weight: 5, may: account => !signedIn(account), visit: signIn },
  { weight: 4.4, may: account => signedIn(account) && !account.steady, visit: signOut },
  { weight: 0.4, may: isSettled, visit: changePassword },
  { weight: 0.4, may: account => isSettled(account) && account.resets < 1, visit: forgot },
]

const weights = { register: 1.2, garbage: 7, guess: 1.5, replay: 0.6 }

export type Traffic = {
  accounts: Account[]
  onLetter: (letter: Letter) => void
  /** Makes the first accounts, a few at a time. */
  seed: (signal: AbortSignal) => Promise<void>
  /** Begins visits, so many a second, until it is aborted; resolves when the last has ended. */
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

export const openTraffic = (ask: Ask, tally: Tally, near: Near): Traffic => {
  const accounts: Account[] = []
  const byEmail = new Map<string, Account>()
  const guessed: Account[] = []
  const robbed: Account[] = []
  let running = 0

  const occupy = async (account: Account, visit: (visit: Visit) => Promise<void>): Promise<void> => {
    account.busy = true
    await visit({ ask, tally, account }).finally(() => {
      account.busy = false
    })
  }

  const enlist = async (steady: boolean): Promise<Account> => {
    const account = newAccount(steady)
    byEmail.set(account.email, account)
    await occupy(account, register)
    if (account.awaits) accounts.push(account)
    else byEmail.delete(account.email)
    return account
  }

  const visitBy = async ({ may, visit }: Kind): Promise<void> => {
    const idle = accounts.filter(({ busy }) => !busy)
    const fitting = pick(idle.filter(may))
    const other = pick(idle.filter(signedIn))
    if (fitting) await occupy(fitting, visit)
    else if (other) await occupy(other, me)
    else tally.note('visits left out, every account being at something')
  }

  const attack = async (victim: Account | undefined, how: typeof replayToken): Promise<void> => {
    if (victim) await how({ ask, tally }, victim)
  }

  const ways: Weighted[] = [
    ...kinds(near).map(kind => ({ weight: kind.weight, begin: () => visitBy(kind) })),
    { weight: weights.register, begin: () => enlist(false) },
    { weight: weights.garbage, begin: () => tryGarbage({ ask, tally }) },
    { weight: weights.guess, begin: () => attack(pick(guessed), tryPassword) },
    { weight: weights.replay, begin: () => attack(pick(robbed), replayToken) },
  ]

  return {
    accounts,
    onLetter: letter => {
      const follow = async (): Promise<void> => {
        const account = byEmail.get(letter.to)
        while (account?.busy) await sleep(100)
        if (account && isAwaited(account, letter)) await occupy(account, visit => openLetter(visit, letter))
      }
      follow().catch(fault => tally.wrong('faults of the soak itself', String(fault.stack ?? fault)))
    },
    seed: async signal => {
      const enlistSome = async (steady: boolean, into?: Account[]) => {
        signal.throwIfAborted()
        const made = await Promise.all(Array.from({ length: 3 }, () => enlist(steady)))
        into?.push(...made)
      }
      await enlistSome(false, guessed)
      await enlistSome(false, robbed)
      // What is attacked is nobody else's: an attack may slow its owner down.
      for (const account of accounts.splice(0)) account.session = null
      for (let left = 4; left > 0; left--) await enlistSome(true)
      for (let left = 28; left > 0; left--) await enlistSome(false)
    },
    run: async (rate, signal) => {
      const open = new Set<Promise<void>>()
      const began = performance.now()
      for (let turn = 1; !signal.aborted; turn++) {
        running++
        const visit: Promise<void> = Promise.resolve(draw(ways)?.begin()).then(
          () => {},
          fault => tally.wrong('faults of the soak itself', String(fault.stack ?? fault)),
        )
        const ended = visit.then(() => {
          running--
          open.delete(ended)
        })
        open.add(ended)
        if (running > 400) tally.note('moments with more than 400 visits at once')
        const due = began + (turn * 1000) / rate
        await sleep(Math.max(0, due - performance.now()), null, { signal }).catch(() => {})
      }
      await Promise.all(open)
    },
  }
}
