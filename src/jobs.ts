import type { Deps } from './deps.ts'
import { eraseAccounts } from './features/accounts/erase-accounts.ts'
import { purgeEvents } from './features/audit/purge-events.ts'
import { forgetDropped } from './features/mail-delivery/forget-dropped.ts'
import { purgeEmails } from './features/mail-delivery/purge-emails.ts'
import { sweep } from './features/mail-delivery/sweep.ts'
import { forgetBuyers } from './shop/purchases/forget-buyers.ts'
import { inviteBuyers } from './shop/purchases/invite-buyers.ts'
import { reconcile } from './shop/purchases/reconcile.ts'

export type Job = (deps: Deps) => Promise<unknown>

/** What workers do over and over, each `every` milliseconds after its last end. */
export const chores: readonly { chore: Job; every: number }[] = [
  { chore: sweep, every: 5000 },
  { chore: reconcile, every: 15_000 },
  { chore: inviteBuyers, every: 60_000 },
  { chore: forgetDropped, every: 600_000 },
  { chore: eraseAccounts, every: 600_000 },
  { chore: forgetBuyers, every: 600_000 },
  { chore: purgeEvents, every: 600_000 },
  { chore: purgeEmails, every: 600_000 },
]
