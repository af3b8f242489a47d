/**
 * The timeouts while serving a request, in milliseconds. A request runs into at most two of them, and must be answered
 * within 5 s.
 */
const ofRequests = {
  redisCommand: 400,
  /** Waiting for a free connection to Postgres, or for a new one. */
  postgresConnection: 2000,
  postgresStatement: 1750,
  postgresLock: 1500,
  /** Waiting for a thread that hashes passwords. A client does not wait longer. */
  hasherThread: 3500,
}

const minute = 60_000

/** The timeouts of the worker with a mail server, in milliseconds, as RFC 5321, section 4.5.3.2 requires. */
const ofMail = {
  /** Until the connection is open. */
  smtpConnect: 30_000,
  /** Until the server sends its greeting. */
  smtpGreeting: 5 * minute,
  /** Without a greeting by then, a second connection is opened beside the first, which may be dead. */
  smtpSecondCall: 10_000,
  /** Until the server answers a command, or the end of the content. */
  smtpReply: 10 * minute,
  /** For one whole email. It ends a delivery that the server delays by sending a byte now and then. */
  smtpDelivery: 30 * minute,
  /** While a delivery takes longer than this, another one may start beside it. */
  smtpSlow: 30_000,
  /** Until an email that may have been delivered is sent again. */
  mailUnanswered: 30 * minute,
  /** The same if the connection broke before the server could answer: often the server died and accepted nothing. */
  mailBroken: 15_000,
  /** How long deliveries in progress may take while the worker closes. */
  mailClose: 15_000,
}

export const defaultTimeouts = { ...ofRequests, ...ofMail }

export type Timeouts = typeof defaultTimeouts
