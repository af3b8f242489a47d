import type { Deps } from '../../deps.ts'
import { type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import { In } from '../../platform/postgres/typeorm.ts'
import { ClientSecrets, Clients } from './entity.ts'
import type { Client, ClientSecret } from './types.ts'

/** A client, and its live secrets without their hashes. */
type Listed = Client & { secrets: Pick<ClientSecret, 'prefix' | 'created_at'>[] }

/** Machine clients, newest first, also revoked ones. */
export const listClients = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  page: PageQuery,
): Promise<Listed[]> =>
  readFromReplica(async manager => {
    const query = manager
      .getRepository(Clients)
      .createQueryBuilder('c')
      .orderBy('c.id', 'DESC')
      .limit(rowsFor(page))
    if (page.cursor) query.andWhere('c.id < :cursor', { cursor: page.cursor })
    const clients = await query.getMany()
    const secrets = await manager.find(ClientSecrets, {
      select: { client_id: true, prefix: true, created_at: true },
      where: { client_id: In(clients.map(({ id }) => id)) },
      order: { created_at: 'ASC', prefix: 'ASC' },
    })
    return clients.map(client => ({
      ...client,
      secrets: secrets.filter(({ client_id }) => client_id === client.id),
    }))
  })
