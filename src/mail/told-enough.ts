import { IsNull, LessThan, MoreThan, Not } from 'typeorm'
import { now } from '../base/clock.ts'
import type { Deps } from '../deps.ts'
import { type Email, Emails } from './entity.ts'

const day = 86_400_000

/** Whether an address is owed three mails of this kind in a day before this one: strangers cause as many as they like. */
export const toldEnough = async (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  { id, kind, recipient }: Pick<Email, 'id' | 'kind' | 'recipient'>,
): Promise<boolean> => {
  const earlier = { id: LessThan(id), kind, recipient, user_id: IsNull(), status: Not<'dropped'>('dropped') }
  const since = new Date(now(clock) - day)
  return (await database.getRepository(Emails).countBy({ ...earlier, created_at: MoreThan(since) })) >= 3
}
