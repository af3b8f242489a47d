import type { ClientReply } from './schemas.ts'
import type { Client, ClientSecret } from './types.ts'

type Shown = Client & { secrets: Pick<ClientSecret, 'prefix' | 'created_at'>[] }

/** A client as replies and commands show it. */
export const clientView = (client: Shown): ClientReply => ({
  id: client.id,
  name: client.name,
  scopes: client.scopes,
  secrets: client.secrets.map(({ prefix, created_at }) => ({
    prefix,
    created_at: created_at.toISOString(),
  })),
  created_at: client.created_at.toISOString(),
  last_used_at: client.last_used_at?.toISOString() ?? null,
  revoked_at: client.revoked_at?.toISOString() ?? null,
})
