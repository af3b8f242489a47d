import type { User } from '../accounts/entity.ts'
import { findUser } from '../accounts/store.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'

/** A user as an administrator may see one. */
export const readUser = async (
  { database }: Pick<Deps, 'database'>,
  userId: string,
): Promise<User | Problem<'NOT_FOUND'>> => (await findUser(database, userId)) ?? new Problem('NOT_FOUND')
