import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

// The servers that `npm start` opens beside the API are only for this machine. Any page that a developer opens can send
// requests to 127.0.0.1, also under a host name of the page's owner (DNS rebinding). So the host name must be one of this
// machine, and a page may send requests only to the server that served it.

type Headers = IncomingMessage['headers']

const ownName = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

/** Whether a request comes from a page of the same server, from a program such as curl, or from a click on a link. */
export const isOwnRequest = (headers: Headers, method: string | undefined): boolean => {
  const { host = '', origin } = headers
  if (!ownName.test(host)) return false
  if (origin !== undefined) return origin.toLowerCase() === `http://${host.toLowerCase()}`
  // Browsers send no Origin for embedded resources and links. Of these, accept only a followed link.
  const { 'sec-fetch-site': fetchSite, 'sec-fetch-dest': destination } = headers
  if (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none') return true
  return destination === 'document' && (method === 'GET' || method === 'HEAD')
}

const refusal = 'Only pages of this server and programs on this machine may ask here.\n'

/** Refuses a request of a foreign page. Returns whether it did. */
export const refuseForeign = (request: IncomingMessage, reply: ServerResponse): boolean => {
  if (isOwnRequest(request.headers, request.method)) return false
  reply.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }).end(refusal)
  return true
}

const refuseUpgrade = (request: IncomingMessage, socket: Duplex): boolean => {
  if (isOwnRequest(request.headers, request.method)) return false
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
  return true
}

type Emit = (event: string | symbol, ...args: never[]) => boolean

const refusals: Record<string | symbol, (request: never, to: never) => boolean> = {
  request: refuseForeign,
  checkContinue: refuseForeign,
  checkExpectation: refuseForeign,
  upgrade: refuseUpgrade,
}

/** Refuses foreign requests on every HTTP server that this process opens, including those of libraries. */
export const refuseForeignEverywhere = (): void => {
  const emit = Server.prototype.emit as Emit
  Server.prototype.emit = function (this: Server, event: string | symbol, ...args: never[]): boolean {
    const [request, to] = args
    if (request !== undefined && to !== undefined && refusals[event]?.(request, to)) return true
    return emit.call(this, event, ...args)
  } as Server['emit']
}
