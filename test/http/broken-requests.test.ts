import { connect } from 'node:net'
import test from 'ava'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** Sends bytes as they are, and returns what came back until the server closed. */
const say = (bytes: string): Promise<string> =>
  new Promise(resolve => {
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
    let said = ''
    socket.on('data', chunk => {
      said += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
    socket.write(bytes, 'latin1')
  })

const broken: Record<string, [bytes: string, status: number, code: string]> = {
  'no HTTP at all': ['canary7 canary7 canary7\r\n\r\n', 400, 'VALIDATION_ERROR'],
  'a header without a name': ['GET /livez HTTP/1.1\r\n: canary7\r\n\r\n', 400, 'VALIDATION_ERROR'],
  'a control byte in a header': [
    'GET /livez HTTP/1.1\r\nHost: x\r\nX: canary7\x01\r\n\r\n',
    400,
    'VALIDATION_ERROR',
  ],
  'two lengths': [
    'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\ncanary7',
    400,
    'VALIDATION_ERROR',
  ],
  'a length and chunks, as smugglers send': [
    'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\ncanary7',
    400,
    'VALIDATION_ERROR',
  ],
  'a head of 100 kB': [
    `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'canary7'.repeat(15_000)}\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE',
  ],
}

for (const [what, [bytes, status, code]] of Object.entries(broken))
  test(`${what} is answered as every problem is, and not repeated`, async t => {
    const said = await say(bytes)
    const [head = '', content = ''] = said.split('\r\n\r\n')
    t.true(head.startsWith(`HTTP/1.1 ${status} `), head)
    t.regex(head, /^content-type: application\/problem\+json$/im)
    t.regex(head, /^connection: close$/im)
    t.regex(head, /^cache-control: no-store$/im)
    const problem = JSON.parse(content)
    t.like(problem, { status, code, type: `/problems/${code.toLowerCase().replaceAll('_', '-')}` })
    t.regex(problem.request_id, /^[\w-]{36}$/)
    t.true(head.toLowerCase().includes(`x-request-id: ${problem.request_id}`))
    t.false(said.includes('canary7'))
    t.is((await world.client.get('/livez')).status, 200)
  })

test('a second request that is broken ends the connection after the first was answered', async t => {
  const said = await say('GET /livez HTTP/1.1\r\nHost: x\r\n\r\ncanary7\r\n\r\n')
  t.regex(said, /^HTTP\/1\.1 (200|400) /)
  t.false(said.includes('canary7'))
})

test('a client that never closes its side is cut off all the same', async t => {
  const left = await Promise.all(
    ['', 'GET /livez HTTP/1.1\r\nX-Half: ', 'canary7\r\n\r\n'].map(
      bytes =>
        new Promise<number>((resolve, reject) => {
          const began = performance.now()
          const socket = connect({
            port: Number(new URL(world.url).port),
            host: '127.0.0.1',
            allowHalfOpen: true,
          })
          const timer = setTimeout(() => reject(new Error('the connection is still open')), 15_000)
          socket.on('data', () => {})
          socket.on('end', () => {
            // Half of it is closed; what is written now is refused once the server has let go.
            const knock = setInterval(() => socket.write('x'), 200)
            socket.on('close', () => clearInterval(knock))
          })
          socket.on('error', () => {})
          socket.on('close', () => {
            clearTimeout(timer)
            resolve(performance.now() - began)
          })
          if (bytes) socket.write(bytes)
        }),
    ),
  )
  for (const took of left) t.true(took < 13_000, `${took} ms`)
})
