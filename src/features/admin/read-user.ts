import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { User } from '../users/entity.ts'
import { findUser } from '../users/store.ts'

/** Any user, for an administrator. */
export const readUser = async (
  { reads }: Pick<Deps, 'reads'>,
  userId: string,
): Promise<User | Problem<'NOT_FOUND'>> => (await findUser(reads, userId)) ?? new Problem('NOT_FOUND')
