/**
 * After how long what serves a request counts as not answering, in milliseconds. A request that meets a fault meets one or
 * two of them, and is to be answered within 5 s.
 */
const ofRequests = {
  redisCommand: 400,
  /** Waiting for a free connection to Postgres, or for a new one. */
  postgresConnection: 2000,
  postgresStatement: 1750,
  postgresLock: 1500,
  /** Waiting for a thread that hashes: a client that waits for longer has left. */
  hasherThread: 3500,
  /** Two tries together. */
  gateway: 3500,
}

const minute = 60_000

/** How patient the worker is with a mail server, in milliseconds: as RFC 5321, section 4.5.3.2 asks. */
const ofMail = {
  /** Until the connection is there. */
  smtpConnect: 30_000,
  /** Until the server greets. */
  smtpGreeting: 5 * minute,
  /** A server that has not greeted by then is called once more beside the first call: the first may lead nowhere. */
  smtpSecondCall: 10_000,
  /** Until a command, or the end of the content, is answered. */
  smtpReply: 10 * minute,
  /** For all of one email. Ends what a server draws out by sending a byte now and then. */
  smtpDelivery: 30 * minute,
  /** A delivery that takes longer makes room for another. */
  smtpSlow: 30_000,
  /** Until an email that has perhaps been delivered is sent again. */
  mailUnanswered: 30 * minute,
  /** The same where the connection broke before the server could answer: often it has died, and took nothing. */
  mailBroken: 15_000,
  /** What a worker that is to end gives the deliveries in flight. */
  mailClose: 15_000,
}

export const timeouts = { ...ofRequests, ...ofMail }

export type Timeouts = typeof timeouts
