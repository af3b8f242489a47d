import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { purge } from '../../platform/postgres/purge.ts'

/** A day: long enough to ask why a mail never came. */
const keptFor = 86_400_000

/**
 * Forgets mails that nobody was owed. Most were asked for by an address that has no account: it is a stranger's, and
 * there is no reason to keep it. Strangers cause as many as they like, so it is done in slices.
 */
export const forgetDropped = ({ database, clock }: Pick<Deps, 'database' | 'clock'>): Promise<number> =>
  purge(database, 'dropped_emails', [new Date(now(clock) - keptFor)])
