// A web site that is ready to use and is sold once. Amounts are integers in minor units: centavos or cents.

export const currencies = ['GTQ', 'USD'] as const
export type Currency = (typeof currencies)[number]

/** `reserved` while a buyer is at the checkout. */
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
  /** The purchase that reserved or bought the site. */
  held_by: string | null
  created_at: Date
  updated_at: Date
}
