import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls'
import type { Timeouts } from '../config/timeouts.ts'

/** The mail server, as nodemailer read it from SMTP_URL. */
export type MailServer = {
  host?: string
  port?: number
  secure?: boolean
  localAddress?: string
  tls?: ConnectionOptions
}

const socketError = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code })

/**
 * Resolves with a connection on which the server has sent its greeting. While it waits for the greeting it opens further
 * connections, because the first may have reached a host that vanished. At most two are open.
 */
export const openSmtpSocket = async (
  server: MailServer,
  timeouts: Timeouts,
  signal: AbortSignal,
): Promise<Socket> => {
  const sockets = new Set<Socket>()
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const connectOnce = (): void => {
    const [, newer] = sockets
    newer?.destroy()
    const socket = open(server, timeouts.smtpConnect)
    sockets.add(socket)
    untilGreeted(socket).then(resolve, error => {
      sockets.delete(socket)
      if (sockets.size === 0) reject(error)
    })
  }
  const giveUp = (): void => reject(socketError('ETIMEDOUT', 'The mail server sent no greeting'))
  connectOnce()
  const retryTimer = setInterval(connectOnce, timeouts.smtpSecondCall)
  const timeout = setTimeout(giveUp, timeouts.smtpGreeting)
  signal.addEventListener('abort', giveUp)
  try {
    const greeted = await promise
    sockets.delete(greeted)
    return greeted
  } finally {
    clearInterval(retryTimer)
    clearTimeout(timeout)
    signal.removeEventListener('abort', giveUp)
    for (const each of sockets) each.destroy()
  }
}

const open = (
  { host = 'localhost', port, secure, localAddress, tls }: MailServer,
  timeoutMs: number,
): Socket => {
  const options = {
    ...{ host, port: port ?? (secure ? 465 : 587), autoSelectFamily: true },
    // Node's default of 250 ms is too short for a distant server.
    autoSelectFamilyAttemptTimeout: Math.min(timeoutMs / 4, 3000),
    ...(localAddress && { localAddress }),
  }
  const socket = secure
    ? connectSecurely({ ...options, ...(isIP(host) ? {} : { servername: host }), ...tls })
    : connect(options)
  const timeout = setTimeout(
    () => socket.destroy(socketError('ETIMEDOUT', 'The mail server does not answer')),
    timeoutMs,
  )
  socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(timeout))
  return socket.once('close', () => clearTimeout(timeout))
}

/** Resolves when the server has sent something, without reading it. */
const untilGreeted = (socket: Socket): Promise<Socket> =>
  new Promise((resolve, reject) => {
    // The listener stays when nodemailer takes over: a socket error without a listener ends the process.
    socket.on('error', error => reject(toLibraryError(error)))
    socket.once('close', () => reject(socketError('ECONNECTION', 'The mail server closed the connection')))
    socket.once('readable', () => {
      if (socket.readableLength > 0) resolve(socket)
      else socket.destroy()
    })
  })

/** Gives an error the code that nodemailer uses for it. */
const toLibraryError = (error: Error & { code?: string; syscall?: string }): Error => {
  if (error.code === 'ETIMEDOUT') return error
  return socketError(error.syscall === 'getaddrinfo' ? 'EDNS' : 'ESOCKET', error.message, error)
}
