import { encode } from '../base/base64url.ts'
import { sha256 } from '../crypto/derive.ts'

/** The `ETag` of a reply: the same for the same body at every instance. */
export const entityTag = (body: string): string => `"${encode(sha256(body).subarray(0, 16))}"`

const tagShape = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g

/**
 * Whether a header `If-None-Match` names this tag, so that the client has this reply already (RFC 9110, 13.1.2). A tag that a
 * proxy has made weak, because it compressed the reply, matches too.
 */
export const namesTag = (ifNoneMatch: string | undefined, tag: string): boolean => {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return Array.from(ifNoneMatch.matchAll(tagShape), ([, opaque]) => opaque).includes(tag)
}
