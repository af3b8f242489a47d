import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

// A mail server that keeps no email, and reports how many arrived and when the last did.

let count = 0
let last = 0

const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  onData: (stream, _session, done) => {
    stream.resume()
    stream.on('end', () => {
      count++
      last = performance.timeOrigin + performance.now()
      done()
    })
  },
})
server.on('error', () => {})
server.listen(0, '127.0.0.1')
await once(server.server, 'listening')
process.on('message', () => process.send?.({ count, last }))
process.on('disconnect', () => process.exit())
process.send?.({ port: (server.server.address() as AddressInfo).port })
