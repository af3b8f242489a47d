import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import anyTest from 'ava'
import { requireAuth as expressAuth } from '../../../packages/guard/src/express.ts'
import { requireAuth as nodeAuth } from '../../../packages/guard/src/node.ts'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { generateKey } from '../../../src/platform/crypto/paseto-keys.ts'
import { signAs, userClaims } from '../../token-issuer.ts'

// A time limit of the service replies while a guard waits for the keys of its issuer.

// Each test watches the whole process.
const test = anyTest.serial

const issuer = 'https://accounts.example.com'
const token = signAs(generateKey(), userClaims(issuer))

for (const [name, requireAuth] of Object.entries({ express: expressAuth, node: nodeAuth }))
  test(`${name}: reply sent while the guard waits for keys → the refusal does not end the process`, async t => {
    const { promise: down, reject: fail } = Promise.withResolvers<Response>()
    const guard = requireAuth(createVerifier({ issuer, fetch: () => down }))
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const server = createServer((request, reply) => {
      guard(request, reply, () => t.fail('the request passed'))
      reply.writeHead(503).end('too slow')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const headers = { authorization: `Bearer ${token}`, connection: 'close' }
    const reply = await fetch(`http://127.0.0.1:${port}`, { headers })
    t.is(await reply.text(), 'too slow')
    fail(new Error('down'))
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', note)
    server.close()
    t.deepEqual(unhandled, [])
  })
