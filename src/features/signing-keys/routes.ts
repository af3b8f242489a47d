import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import { example } from '../../platform/catalog/examples.ts'
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
  summary: 'List the public keys of access tokens',
  description:
    'PASERK `k4.public` keys by their `k4.pid`. Verify a token with the key whose `kid` is in its footer, and with no other. A key is published before it signs, and until the last of its tokens has expired. The oldest comes first.',
  auth: 'none',
  limits: [],
  cache: 'public, max-age=300',
  etag: true,
  replies: { 200: keysReply },
  problems: [],
  example: {
    reply: {
      keys: [
        {
          kid: 'k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ',
          paserk: 'k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8',
          status: 'signing',
          not_before: example.time,
          not_after: null,
        },
      ],
    },
  },
  handle: async ({ ring }) => {
    const keys = ring.published().map(key => ({
      kid: key.kid,
      paserk: key.public_key,
      status: key.status as 'published' | 'signing' | 'retiring',
      not_before: key.not_before.toISOString(),
      not_after: key.not_after?.toISOString() ?? null,
    }))
    return { status: 200, body: { keys } }
  },
})

export const keyRoutes: Route[] = [getKeys]
