import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { purge } from '../../platform/postgres/purge.ts'

/** A day: long enough to find out why an email never arrived. */
const keptForMs = 86_400_000

/**
 * Deletes dropped emails in batches, as attackers can cause any number of them. Returns their number. Most were requested
 * for an address without an account, and there is no reason to store such an address.
 */
export const purgeDroppedEmails = ({ database, clock }: Pick<Deps, 'database' | 'clock'>): Promise<number> =>
  purge(database, 'dropped_emails', [new Date(now(clock) - keptForMs)])
