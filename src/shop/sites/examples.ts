import type * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import type { siteReply } from './schemas.ts'

export const siteChangeExample = {
  name: 'Corner bakery',
  description: 'Three pages for a bakery.',
  price: 12_500,
  currency: 'GTQ',
  image_url: 'https://example.com/bakery.png',
} as const

export const siteBodyExample = { slug: 'corner-bakery', ...siteChangeExample } as const

export const siteExample: v.InferInput<typeof siteReply> = {
  id: example.id,
  ...siteBodyExample,
  status: 'available',
  created_at: example.time,
  updated_at: example.time,
}
