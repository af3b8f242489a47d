import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import { publicRoute, type Route } from '../../platform/http/route.ts'

const keysReply = named('PublicKeys', {
  keys: v.array(
    v.object({
      kid: v.string(),
      paserk: v.string(),
      status: v.picklist(['published', 'signing', 'retiring']),
      not_before: time,
      not_after: v.nullable(time),
    }),
  ),
})

const getKeys = publicRoute({
  method: 'GET',
  path: '/.well-known/paseto-keys',
  summary: 'The public keys that verify access tokens',
  description:
    'PASERK `k4.public` keys by their `k4.pid`. Take the key whose `kid` the footer of a token names, and no other.',
  auth: 'none',
  limits: [],
  cache: 'public, max-age=300',
  replies: { 200: keysReply },
  problems: [],
  handle: async ({ ring }) => ({
    status: 200,
    body: {
      keys: ring.published().map(key => ({
        kid: key.kid,
        paserk: key.public_key,
        status: key.status as 'published' | 'signing' | 'retiring',
        not_before: key.not_before.toISOString(),
        not_after: key.not_after?.toISOString() ?? null,
      })),
    },
  }),
})

export const keyRoutes: Route[] = [getKeys]
