import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { Client, ClientSecret } from './types.ts'

export const Clients = new EntitySchema<Client>({
  name: 'Client',
  tableName: 'clients',
  columns: {
    id: { type: 'text', primary: true },
    name: { type: 'text' },
    scopes: { type: 'text', array: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    last_used_at: { type: 'timestamptz', nullable: true },
    revoked_at: { type: 'timestamptz', nullable: true },
  },
})

export const ClientSecrets = new EntitySchema<ClientSecret>({
  name: 'ClientSecret',
  tableName: 'client_secrets',
  columns: {
    client_id: { type: 'text', primary: true },
    prefix: { type: 'text', primary: true },
    /** SHA-256 of the whole text. A slow hash would add nothing, as a secret has 256 random bits. */
    hash: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
})
