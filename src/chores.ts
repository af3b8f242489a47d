import { eraseAccounts } from './accounts/erase-accounts.ts'
import { purgeEvents } from './audit/purge-events.ts'
import type { Deps } from './deps.ts'
import { forgetDropped } from './mail/forget-dropped.ts'
import { purgeEmails } from './mail/purge-emails.ts'
import { sweep } from './mail/sweep.ts'
import { forgetBuyers } from './purchases/forget-buyers.ts'
import { inviteBuyers } from './purchases/invite-buyers.ts'
import { reconcile } from './purchases/reconcile.ts'

export type Chore = (deps: Deps) => Promise<unknown>

/** What workers do over and over, each `every` milliseconds after its last end. */
export const chores: readonly { chore: Chore; every: number }[] = [
  { chore: sweep, every: 5000 },
  { chore: reconcile, every: 15_000 },
  { chore: inviteBuyers, every: 60_000 },
  { chore: forgetDropped, every: 600_000 },
  { chore: eraseAccounts, every: 600_000 },
  { chore: forgetBuyers, every: 600_000 },
  { chore: purgeEvents, every: 600_000 },
  { chore: purgeEmails, every: 600_000 },
]
