import type { Duplex } from 'node:stream'

const corked = new WeakSet<Duplex>()

/**
 * Sends everything that is written to a socket in one turn of the event loop, by any number of requests, in one write. A
 * system call costs more than a command.
 */
export const batchWrites = (socket: Duplex): void => {
  if (corked.has(socket)) return
  corked.add(socket)
  socket.cork()
  setImmediate(() => {
    corked.delete(socket)
    socket.uncork()
  })
}
