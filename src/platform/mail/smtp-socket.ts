import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls'
import type { Timeouts } from '../config/timeouts.ts'

/** Where to, as the mail library has read it from SMTP_URL. */
export type MailServer = {
  host?: string
  port?: number
  secure?: boolean
  localAddress?: string
  tls?: ConnectionOptions
}

const fault = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code })

/**
 * Resolves with a connection on which the server has begun to speak. A call that is not greeted goes on until the
 * timeoutMs is over; meanwhile others are made, since the first may have met a host that vanished. At most two are open.
 */
export const openSmtpSocket = async (
  server: MailServer,
  within: Timeouts,
  signal: AbortSignal,
): Promise<Socket> => {
  const calls = new Set<Socket>()
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const call = (): void => {
    const [, newer] = calls
    newer?.destroy()
    const socket = open(server, within.smtpConnect)
    calls.add(socket)
    greeted(socket).then(resolve, error => {
      calls.delete(socket)
      if (calls.size === 0) reject(error)
    })
  }
  const giveUp = (): void => reject(fault('ETIMEDOUT', 'The mail server does not greet'))
  call()
  const again = setInterval(call, within.smtpSecondCall)
  const late = setTimeout(giveUp, within.smtpGreeting)
  signal.addEventListener('abort', giveUp)
  try {
    const greeting = await promise
    calls.delete(greeting)
    return greeting
  } finally {
    clearInterval(again)
    clearTimeout(late)
    signal.removeEventListener('abort', giveUp)
    for (const each of calls) each.destroy()
  }
}

const open = (
  { host = 'localhost', port, secure, localAddress, tls }: MailServer,
  timeoutMs: number,
): Socket => {
  const where = {
    ...{ host, port: port ?? (secure ? 465 : 587), autoSelectFamily: true },
    // A quarter of a second, as Node has it, is too short for a distant server.
    autoSelectFamilyAttemptTimeout: Math.min(timeoutMs / 4, 3000),
    ...(localAddress && { localAddress }),
  }
  const socket = secure
    ? connectSecurely({ ...where, ...(isIP(host) ? {} : { servername: host }), ...tls })
    : connect(where)
  const late = setTimeout(
    () => socket.destroy(fault('ETIMEDOUT', 'The mail server does not answer')),
    timeoutMs,
  )
  socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(late))
  return socket.once('close', () => clearTimeout(late))
}

/** Resolves as soon as there is something to read, and reads nothing. */
const greeted = (socket: Socket): Promise<Socket> =>
  new Promise((resolve, reject) => {
    // Also once the mail library has the connection: an error of a socket without a listener ends the process.
    socket.on('error', error => reject(nameOf(error)))
    socket.once('close', () => reject(fault('ECONNECTION', 'The mail server has hung up')))
    socket.once('readable', () => {
      if (socket.readableLength > 0) resolve(socket)
      else socket.destroy()
    })
  })

/** By the names that the mail library has for faults. */
const nameOf = (error: Error & { code?: string; syscall?: string }): Error => {
  if (error.code === 'ETIMEDOUT') return error
  return fault(error.syscall === 'getaddrinfo' ? 'EDNS' : 'ESOCKET', error.message, error)
}
