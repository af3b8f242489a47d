import * as v from 'valibot'
import { line, named, pattern, prose, time } from '../../platform/base/field-shapes.ts'
import { httpsUrl } from '../../platform/base/fields.ts'
import { currencies, siteStatuses } from './types.ts'

/** The price of a site in minor units. */
const price = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100_000_000))

export const slug = pattern(
  'slug',
  'must be 1 to 80 of a-z and 0-9, with no more than one - between them',
  'The name of a site in addresses.',
  /^[a-z0-9](?:-?[a-z0-9]){0,79}$/,
)

/** The fields of a site that an administrator sets. */
export const siteFields = {
  name: line(120, 'The name of the site.'),
  description: prose(4000, 'What the site is.'),
  price,
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
