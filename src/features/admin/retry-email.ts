import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'

type Action = { emailId: string; actorId: string | null; origin: Origin }

/** Queues a failed email again. The token of its link keeps its expiry: an email whose token has expired is dropped. */
export const retryEmail = async (
  deps: Pick<Deps, 'database' | 'queue' | 'log'>,
  { emailId, actorId, origin }: Action,
): Promise<null | Problem<'NOT_FOUND'>> => {
  const found = await deps.database.transaction(async manager => {
    const { raw } = await manager
      .createQueryBuilder()
      .update(Emails)
      .set({
        status: 'queued',
        attempts: 0,
        sends_unanswered: 0,
        held_until: null,
        sweep_after: () => 'now()',
      })
      .where(`id = :emailId AND status = 'failed'`, { emailId })
      .returning('user_id, kind')
      .execute()
    const [email] = raw as Pick<Email, 'user_id' | 'kind'>[]
    if (!email) return false
    const change = { before: { status: 'failed' }, after: { status: 'queued' } }
    const data = { email_id: emailId, kind: email.kind, ...change }
    await recordEvent(manager, { type: 'email.retried', userId: email.user_id, actorId, origin, data })
    return true
  })
  if (!found) return new Problem('NOT_FOUND')
  await startDelivery(deps, [emailId])
  return null
}
