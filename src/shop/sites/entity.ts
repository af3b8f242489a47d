import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { Site } from './types.ts'

export const Sites = new EntitySchema<Site>({
  name: 'Site',
  tableName: 'sites',
  columns: {
    id: { type: 'uuid', primary: true },
    slug: { type: 'text' },
    name: { type: 'text' },
    description: { type: 'text' },
    price: { type: 'integer' },
    currency: { type: 'text' },
    image_url: { type: 'text', nullable: true },
    status: { type: 'text', default: 'available' },
    held_by: { type: 'uuid', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    updated_at: { type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'sites_slug_key', columns: ['slug'] }],
})
