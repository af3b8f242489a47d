import { IsNull, Not } from 'typeorm'
import { recordEvent } from '../audit/record-event.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkUndo } from '../proofs/check-undo.ts'
import { effectStands } from '../proofs/effect-stands.ts'
import { spendProof } from '../proofs/spend-proof.ts'
import type { Origin } from '../sessions/start-session.ts'
import { Users } from './entity.ts'

/**
 * Takes a deletion back while the account is not yet erased. The same token again gets the same answer, and does nothing
 * more, while the account stays open by it.
 */
export const undoDeletion = async (
  deps: Pick<Deps, 'clock' | 'database' | 'secrets'>,
  { token, origin }: { token: string; origin: Origin },
): Promise<{ email: string; isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const undo = await checkUndo(deps, 'account_deleted', token)
  if (!undo) return new Problem('INVALID_TOKEN')
  if (!undo.isUsed && (await reopen(deps, { ...undo, origin })))
    return { email: undo.address, isRepeat: false }
  const stands = await effectStands(deps, 'undo_deletion', undo)
  return stands ? { email: undo.address, isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Reopen = { userId: string; emailId: string; origin: Origin }

const reopen = (
  { database }: Pick<Deps, 'database'>,
  { userId, emailId, origin }: Reopen,
): Promise<boolean> =>
  database.transaction(async manager => {
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
