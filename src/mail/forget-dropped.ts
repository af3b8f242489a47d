import { LessThan } from 'typeorm'
import { now } from '../base/clock.ts'
import type { Deps } from '../deps.ts'
import { Emails } from './entity.ts'

/** A day: long enough to ask why a mail never came. */
const keptFor = 86_400_000

/**
 * Forgets mails that nobody was owed. Most were asked for by an address that has no account: it is a stranger's, and
 * there is no reason to keep it.
 */
export const forgetDropped = async ({ database, clock }: Pick<Deps, 'database' | 'clock'>): Promise<void> => {
  const before = new Date(now(clock) - keptFor)
  await database.getRepository(Emails).delete({ status: 'dropped', created_at: LessThan(before) })
}
