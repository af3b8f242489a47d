import type { Deps } from '../../deps.ts'
import { escapeLike, type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import { type User, Users } from '../users/entity.ts'
import type { Role } from '../users/types.ts'

export type UserFilter = PageQuery & { search?: string; is_active?: boolean; role?: Role }

// Addresses are lowercase ASCII. `lower()` is not used: in a Turkish database `lower('I')` is `ı`.
const asAddress = (text: string): string => text.replace(/[A-Z]/g, letter => letter.toLowerCase())

/**
 * Users, newest first, filtered by the beginning of an address or a name, by state and by role. Postgres lowercases both
 * sides of a name comparison: JavaScript would write a different sigma at the end of a word.
 */
export const listUsers = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  filter: UserFilter,
): Promise<User[]> =>
  readFromReplica(manager => {
    const query = manager
      .getRepository(Users)
      .createQueryBuilder('u')
      .orderBy('u.id', 'DESC')
      .limit(rowsFor(filter))
    const { cursor, search, is_active, role } = filter
    if (cursor) query.andWhere('u.id < :cursor', { cursor })
    if (search)
      query.andWhere('(u.email LIKE :address OR lower(u.full_name) LIKE lower(:name))', {
        address: `${asAddress(escapeLike(search))}%`,
        name: `${escapeLike(search)}%`,
      })
    if (is_active !== undefined) query.andWhere('u.is_active = :is_active', { is_active })
    if (role) query.andWhere(':role = ANY(u.roles)', { role })
    return query.getMany()
  })
