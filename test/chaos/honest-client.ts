import { anEmail, password } from '../fixtures.ts'
import { newAccount, type Rig, type Visit } from './account.ts'
import { readProfile, refresh, register, signIn, signOut } from './account-actions.ts'
import { forgotPassword } from './emailed-links.ts'

// An honest client of a fault run: it holds one session and its newest refresh token, repeats what failed at the next
// instance, and signs in again only if its session is over.

export type HonestClient = { step: () => Promise<void> }

const join = async (rig: Rig): Promise<Visit> => {
  const visit = { rig, account: newAccount(anEmail(), password) }
  await register(visit)
  const { account } = visit
  if (!account.session && account.awaits) await signIn(visit)
  return visit
}

const steps: ((visit: Visit) => Promise<unknown>)[] = [
  readProfile,
  visit => refresh(visit),
  readProfile,
  signOut,
  visit => refresh(visit),
  readProfile,
  ({ rig }) => join(rig),
  visit => refresh(visit),
  readProfile,
  forgotPassword,
]

/** Registers and signs in a client. Each `step` is one action of a user. */
export const openHonestClient = async (rig: Rig): Promise<HonestClient> => {
  const visit = await join(rig)
  if (!visit.account.session) throw new Error('an honest client could not sign in before any fault')
  let turn = Math.floor(Math.random() * steps.length)
  return {
    step: async () => {
      if (!visit.account.session) await signIn(visit)
      if (visit.account.session) await steps[turn++ % steps.length]?.(visit)
    },
  }
}
