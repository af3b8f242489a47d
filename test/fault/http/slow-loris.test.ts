import { connect } from 'node:net'
import test from 'ava'
import { openLocalWorld } from '../../local-world.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** Sends the beginning, then a few bytes at a time. Resolves with the seconds until the server closes. */
const drip = (beginning: string, drop: string): Promise<{ seconds: number; received: string }> =>
  new Promise(resolve => {
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
    const began = performance.now()
    let received = ''
    socket.on('data', chunk => {
      received += chunk
    })
    socket.on('error', () => {})
    socket.write(beginning)
    const timer = setInterval(() => socket.write(drop), 250)
    socket.on('close', () => {
      clearInterval(timer)
      resolve({ seconds: (performance.now() - began) / 1000, received })
    })
  })

test('a client sends its request a few bytes at a time → 408 within ten seconds, others are served', async t => {
  const post = 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  const slow = Promise.all([
    drip('GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-Drop: y\r\n'),
    drip('GET /livez HTTP/1.1\r\nX-Drop: ', 'y'),
    drip(`${post}Content-Length: 16000\r\n\r\n`, ' '),
    drip(`${post}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
  ])
  const began = performance.now()
  t.is((await world.client.get('/livez')).status, 200)
  t.true(performance.now() - began < 5000)
  for (const { seconds, received } of await slow) {
    // Ten seconds, and some more for a busy machine.
    t.true(seconds <= 15, `${seconds} s`)
    t.regex(received, /^HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"/)
  }
})
