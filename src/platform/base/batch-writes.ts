import type { Duplex } from 'node:stream'

const corked = new WeakSet<Duplex>()

/**
 * Lets what is written to a socket in one turn of the event loop leave in one write, for all requests that were read in
 * it: a system call costs more than a command.
 */
export const inOneWrite = (socket: Duplex): void => {
  if (corked.has(socket)) return
  corked.add(socket)
  socket.cork()
  setImmediate(() => {
    corked.delete(socket)
    socket.uncork()
  })
}
