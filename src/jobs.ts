import type { Deps } from './deps.ts'
import { eraseAccounts } from './features/accounts/erase-accounts.ts'
import { purgeEvents } from './features/audit/purge-events.ts'
import { forgetDropped } from './features/mail-delivery/forget-dropped.ts'
import { purgeEmails } from './features/mail-delivery/purge-emails.ts'
import { sweep } from './features/mail-delivery/sweep.ts'
import { forgetBuyers } from './shop/purchases/forget-buyers.ts'
import { inviteBuyers } from './shop/purchases/invite-buyers.ts'
import { reconcile } from './shop/purchases/reconcile.ts'

/** `run` is called repeatedly, `pauseMs` milliseconds after its last call has ended. Any number of workers may run it. */
export type Job = { run: (deps: Deps) => Promise<unknown>; pauseMs: number }

/** The periodic jobs of every worker. */
export const jobs: readonly Job[] = [
  { run: sweep, pauseMs: 5000 },
  { run: reconcile, pauseMs: 15_000 },
  { run: inviteBuyers, pauseMs: 60_000 },
  { run: forgetDropped, pauseMs: 600_000 },
  { run: eraseAccounts, pauseMs: 600_000 },
  { run: forgetBuyers, pauseMs: 600_000 },
  { run: purgeEvents, pauseMs: 600_000 },
  { run: purgeEmails, pauseMs: 600_000 },
]
