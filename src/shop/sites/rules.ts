import * as v from 'valibot'
import { line, named, pattern, prose, time } from '../../platform/base/field-shapes.ts'
import { httpsUrl } from '../../platform/base/fields.ts'

// A web site that is ready and for sale, once. Amounts are integers in minor units: centavos, cents.

export const currencies = ['GTQ', 'USD'] as const
export type Currency = (typeof currencies)[number]

/** `reserved` while somebody is at the checkout. */
export const siteStatuses = ['available', 'reserved', 'sold'] as const
type SiteStatus = (typeof siteStatuses)[number]

export type Site = {
  id: string
  slug: string
  name: string
  description: string
  price: number
  currency: Currency
  image_url: string | null
  status: SiteStatus
  /** The purchase that has reserved it, or that it was sold by. */
  held_by: string | null
  created_at: Date
  updated_at: Date
}

/** What a buyer pays, in minor units. */
export const amount = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100_000_000))

export const slug = pattern(
  'slug',
  'must be 1 to 80 of a-z and 0-9, with no more than one - between them',
  'The name of a site in addresses.',
  /^[a-z0-9](?:-?[a-z0-9]){0,79}$/,
)

/** What an administrator says of a site. */
export const siteFields = {
  name: line(120, 'The name of the site.'),
  description: prose(4000, 'What the site is.'),
  price: amount,
  currency: v.picklist(currencies),
  image_url: v.nullable(httpsUrl),
}

export const siteReply = named('Site', {
  id: v.pipe(v.string(), v.uuid()),
  slug: v.string(),
  name: v.string(),
  description: v.string(),
  price: v.number(),
  currency: v.picklist(currencies),
  image_url: v.nullable(v.string()),
  status: v.picklist(siteStatuses),
  created_at: time,
  updated_at: time,
})

export const siteView = ({ held_by: _, ...site }: Site): v.InferOutput<typeof siteReply> => ({
  ...site,
  created_at: site.created_at.toISOString(),
  updated_at: site.updated_at.toISOString(),
})
