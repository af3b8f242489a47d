import type * as v from 'valibot'
import type { siteReply } from './schemas.ts'
import type { Site } from './types.ts'

/** A site as the API shows it. */
export const siteView = ({ held_by: _, ...site }: Site): v.InferOutput<typeof siteReply> => ({
  ...site,
  created_at: site.created_at.toISOString(),
  updated_at: site.updated_at.toISOString(),
})
