import * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { publicRoute, type Route } from '../../platform/http/route.ts'
import { openFeed } from './open-feed.ts'
import { feedCursor, readCursor } from './schemas.ts'

const getRevocations = (answerFeed: ReturnType<typeof openFeed>): Route =>
  publicRoute({
    method: 'GET',
    path: '/.well-known/revocations',
    summary: 'List what ended lately',
    description:
      'For services that verify access tokens offline: a `v4.public` token with the implicit assertion `revocations`, signed with a published key. Its claims list the sessions that ended within the life of an access token, and the users (or machine clients) whose tokens with `iat` ≤ `before` must be refused. With `after`, it returns what is new and waits up to 25 seconds for it. An unknown cursor gets the whole list.',
    auth: 'none',
    limits: ['revocations'],
    query: v.strictObject({ after: v.exactOptional(feedCursor) }),
    replies: { 200: 'text' },
    problems: ['VALIDATION_ERROR', 'SERVICE_UNAVAILABLE'],
    example: { query: { after: example.feedCursor } },
    handle: async (deps, { query, head, clientLeft }) => {
      const after = query.after === undefined ? null : readCursor(query.after)
      const token = await answerFeed(deps, { after, waits: !head, clientLeft })
      return token instanceof Problem ? token : { status: 200, text: token }
    },
  })

/** `isClosing` returns whether the process is shutting down: then no request waits. */
export const revocationRoutes = (isClosing: () => boolean): Route[] => [getRevocations(openFeed(isClosing))]
