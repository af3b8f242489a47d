import type { Duplex } from 'node:stream'

type WriteAll = NonNullable<Duplex['_writev']>

/** Writes texts as one text. Node would copy each of them into the memory of its own, which takes as long as sending them. */
const joinTexts = (socket: Duplex): void => {
  const write = socket._write.bind(socket)
  const writeAll: WriteAll | undefined = socket._writev?.bind(socket)
  socket._writev = (chunks, callback) => {
    const isText = chunks.every(({ chunk, encoding }) => typeof chunk === 'string' && encoding === 'utf8')
    if (isText) write(chunks.map(({ chunk }) => chunk).join(''), 'utf8', callback)
    else writeAll?.(chunks, callback)
  }
}

const corked = new WeakMap<Duplex, boolean>()

/**
 * Sends everything that is written to a socket in one turn of the event loop, by any number of requests, in one write. A
 * system call costs more than a command.
 */
export const batchWrites = (socket: Duplex): void => {
  const isCorked = corked.get(socket)
  if (isCorked) return
  if (isCorked === undefined) joinTexts(socket)
  corked.set(socket, true)
  socket.cork()
  setImmediate(() => {
    corked.set(socket, false)
    socket.uncork()
  })
}
