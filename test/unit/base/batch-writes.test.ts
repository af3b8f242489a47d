import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import test from 'ava'
import { batchWrites } from '../../../src/platform/base/batch-writes.ts'
import { countWrites } from '../../count-writes.ts'

const openPair = async () => {
  let received = Buffer.alloc(0)
  const server = createServer(socket => {
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    socket,
    end: async (): Promise<Buffer> => {
      socket.end()
      await once(socket, 'close')
      server.close()
      await once(server, 'close')
      return received
    },
  }
}

test('texts and bytes are written in one turn of the event loop → one write of all of them, in order', async t => {
  for (const parts of [
    ['a', 'é€', '😀', ''],
    ['a', Buffer.from([0xff, 0]), 'b'],
    [Buffer.from('x'), 'y'],
  ]) {
    const { socket, end } = await openPair()
    const writes = countWrites(socket)
    batchWrites(socket)
    for (const part of parts) socket.write(part)
    t.is(writes(), 0)
    t.deepEqual(await end(), Buffer.concat(parts.map(part => Buffer.from(part))))
    t.is(writes(), 1)
  }
})
