import { type Cluster, Command, type Redis } from 'ioredis'
import { notWaiting, startTimeout, stopTimeout, type Waiting } from './command-timeouts.ts'

// Checked with ioredis 5.11.1. A test in ioredis-command-patches.test.ts fails when ioredis no longer needs a command of our own,
// and one in ioredis-patches.test.ts when it no longer needs the second wait.

type Own = Command &
  Waiting & {
    resolvePromise: (reply: unknown) => void
    rejectPromise: (error: Error) => void
  }

const timedOut = new WeakSet<Command>()

/** Whether a command was answered with "Command timed out". */
export const hasTimedOut = (command: Command): boolean => timedOut.has(command)

const textOf = (reply: unknown): unknown => {
  if (Buffer.isBuffer(reply)) return reply.toString()
  return Array.isArray(reply) ? reply.map(textOf) : reply
}

const timeOut = (command: Command): void => {
  timedOut.add(command)
  command.reject(new Error('Command timed out'))
}

// These methods stand before those of ioredis, which reads the other properties of a command too.
const methods = Object.setPrototypeOf(
  {
    setTimeout(this: Own, milliseconds: number) {
      startTimeout(this, milliseconds)
    },
    giveUp(this: Own) {
      timeOut(this)
    },
    resolve(this: Own, reply: unknown) {
      stopTimeout(this)
      this.resolvePromise(textOf(reply))
    },
    // A cluster replaces it, and calls it only if the command cannot be sent again.
    reject(this: Own, error: Error) {
      stopTimeout(this)
      this.rejectPromise(error)
    },
  },
  Command.prototype,
)

/**
 * Runs a command whose reply is text, numbers or lists of them.
 *
 * Symptom: a command of ioredis copies its arguments twice, and makes a timer and six closures: a twentieth of the CPU time
 * of `GET /auth/me`. No public report found.
 */
export const runCommand = (redis: Redis | Cluster, name: string, args: string[]): Promise<unknown> => {
  const command: Own = Object.create(methods)
  command.name = name
  command.args = args
  Object.assign(command, notWaiting)
  command.promise = new Promise((resolve, reject) => {
    command.resolvePromise = resolve
    command.rejectPromise = reject
  })
  return redis.sendCommand(command) as Promise<unknown>
}

/**
 * Symptom: after this process stalls for longer than the command timeout, every pending command fails with "Command timed
 * out", although its reply waits in the socket. Node runs expired timers before it reads sockets
 * (https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick). No public report found.
 *
 * Here a command waits for a second time, for as long as the process stalled.
 */
export const timeOutAfterReading = (command: Command): void => {
  if (Object.getPrototypeOf(command) === methods) return
  const waiting: Waiting = { ...notWaiting, giveUp: () => timeOut(command) }
  command.setTimeout = milliseconds => {
    if (waiting.due > 0) return
    startTimeout(waiting, milliseconds)
    const stop = () => stopTimeout(waiting)
    command.promise.then(stop, stop)
  }
}
