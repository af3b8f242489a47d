import { IsNull, Not } from 'typeorm'
import { recordEvent } from '../audit/record-event.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkUndo } from '../proofs/check-undo.ts'
import { spendProof } from '../proofs/spend-proof.ts'
import type { Origin } from '../sessions/start-session.ts'
import { Users } from './entity.ts'

/** Takes a deletion back while the account is not yet erased. */
export const undoDeletion = async (
  deps: Pick<Deps, 'clock' | 'database' | 'secrets'>,
  { token, origin }: { token: string; origin: Origin },
): Promise<{ email: string } | Problem<'INVALID_TOKEN'>> => {
  const undo = await checkUndo(deps, 'account_deleted', token)
  if (!undo) return new Problem('INVALID_TOKEN')
  const { userId, emailId, address } = undo
  const undone = await deps.database.transaction(async manager => {
    if (!(await spendProof(manager, emailId))) return false
    const waiting = { id: userId, erase_after: Not(IsNull()) }
    const { affected } = await manager.update(Users, waiting, {
      erase_after: null,
      updated_at: () => 'now()',
    })
    if (affected !== 1) return false
    await recordEvent(manager, { type: 'user.deletion_undone', userId, origin })
    return true
  })
  return undone ? { email: address } : new Problem('INVALID_TOKEN')
}
