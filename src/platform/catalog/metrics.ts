// Every metric of the service, as Prometheus names them. Labels hold names out of catalogues, never what a client
// wrote and nobody's data.

export const counters = {
  http_requests: {
    help: 'Requests answered, by the pattern of their route.',
    labels: ['method', 'route', 'status'],
  },
  faults: { help: 'Requests that met a fault (503), by what did not serve.', labels: ['store'] },
  limits_in_memory: {
    help: 'Limits that were counted in this process, as Redis did not answer.',
    labels: [],
  },
  stale_reads_on_primary: {
    help: 'Reads that the primary served, as no replica did.',
    labels: [],
  },
  logins_failed: { help: 'Wrong e-mails or passwords at the login.', labels: [] },
  passwords_closed: { help: 'Passwords closed after too many wrong ones in a row.', labels: [] },
  codes_refused: {
    help: 'Mailed codes that were refused, by purpose. Reason: wrong; no_code, as none is live; closed, as all are.',
    labels: ['purpose', 'reason'],
  },
  codes_closed: {
    help: 'Times that all mailed codes were closed for a while, after too many wrong ones.',
    labels: [],
  },
  session_reuses: { help: 'Spent refresh tokens that were presented again: thefts.', labels: [] },
  mails: { help: 'Mails that this worker brought to an end, by outcome.', labels: ['outcome'] },
  purchases: { help: 'What payment events came to, by outcome.', labels: ['outcome'] },
  gateway_failures: { help: 'Calls to the payment gateway that came to nothing.', labels: [] },
  mails_unanswered: {
    help: 'Emails whose content was sent and that the mail server did not answer: perhaps delivered.',
    labels: [],
  },
  mail_attempts_failed: { help: 'Deliveries that failed and are tried again.', labels: [] },
} as const satisfies Record<string, { help: string; labels: readonly string[] }>

export const histograms = {
  http_request_seconds: { help: 'Time to answer, by the pattern of the route.', labels: ['route'] },
} as const

/**
 * Asked when somebody looks. `across` makes one figure of those of several processes: what a store says they all say,
 * what is their own adds up.
 */
export const gauges = {
  limiter_in_memory: {
    help: '1 while limits are counted in this process, as Redis does not answer.',
    across: 'max',
  },
  passwords_waiting: { help: 'Passwords that wait for a hash thread.', across: 'sum' },
  postgres_connections_waited_for: { help: 'Queries that wait for a free connection.', across: 'sum' },
  mail_queue_down: {
    help: '1 while emails cannot be queued, no worker takes them, or Redis may throw them out; else 0.',
    across: 'max',
  },
  mails_unsent: { help: 'Mails that are owed.', across: 'max' },
  mails_failed: { help: 'Mails that were given up and can be sent again.', across: 'max' },
  oldest_unsent_mail_seconds: {
    help: 'Since when the oldest mail that is owed was first owed; 0 where there is none.',
    across: 'max',
  },
} as const satisfies Record<string, { help: string; across: 'sum' | 'max' }>

export type CounterName = keyof typeof counters
export type GaugeName = keyof typeof gauges
export type Labels<N extends CounterName> = Record<(typeof counters)[N]['labels'][number], string>

/** What flows may count. */
export type Metrics = {
  count: <N extends CounterName>(
    name: N,
    ...labels: (typeof counters)[N]['labels'] extends readonly [] ? [] : [Labels<N>]
  ) => void
  /** A request's time, in seconds. */
  timed: (route: string, seconds: number) => void
}
