// An authentication webhook for Hasura (HASURA_GRAPHQL_AUTH_HOOK), in front of Latchkey. Node 20 or newer, no dependencies.
//
//   LATCHKEY_URL=http://127.0.0.1:8000 PORT=3300 node auth-hook.mjs
//
// Hasura sends the headers of the client by GET. It wants 200 with the session variables as JSON, or 401. Every other status
// is an error for it, so an outage lets no one in.
import { createServer } from 'node:http'

const check = new URL('/api/v1/auth/check', process.env.LATCHKEY_URL ?? 'http://127.0.0.1:8000')

// The role `admin` of Hasura bypasses every permission, so no user may ever get it. Give `manager` its own permissions.
const roleOf = roles => (roles.includes('admin') ? 'manager' : 'user')

/** The session variables of the caller, or the status of a refusal. */
const authenticate = async authorization => {
  const reply = await fetch(check, {
    headers: authorization === undefined ? {} : { authorization },
    redirect: 'error',
    signal: AbortSignal.timeout(5000),
  })
  const userId = reply.headers.get('x-auth-user')
  // 400 is a malformed Authorization header.
  if ([400, 401, 403].includes(reply.status)) return 401
  if (reply.status !== 204 || userId === null) return 503
  return {
    'X-Hasura-User-Id': userId,
    'X-Hasura-Role': roleOf((reply.headers.get('x-auth-roles') ?? '').split(',')),
  }
}

const server = createServer(async (request, reply) => {
  const result = await authenticate(request.headers.authorization).catch(() => 503)
  if (typeof result === 'number') return void reply.writeHead(result).end()
  reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
})

server.listen(Number(process.env.PORT ?? 3300), '127.0.0.1')
