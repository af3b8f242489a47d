// Every metric of the service, as Prometheus names them. Labels hold names out of catalogues, never what a client
// wrote and nobody's data.

export const counters = {
  http_requests: {
    help: 'Requests answered, by the pattern of their route.',
    labels: ['method', 'route', 'status'],
  },
  faults: { help: 'Requests that were answered 503, by the store that failed.', labels: ['store'] },
  limits_in_memory: {
    help: 'Limits that were counted in this process, because Redis did not answer.',
    labels: [],
  },
  stale_reads_on_primary: {
    help: 'Reads that the primary served, because no replica answered.',
    labels: [],
  },
  logins_failed: { help: 'Sign-ins with a wrong email or password.', labels: [] },
  passwords_closed: { help: 'Passwords closed after too many wrong ones in a row.', labels: [] },
  codes_refused: {
    help: 'Emailed codes that were refused, by purpose. Reason: `wrong`; `no_code`, if no code is valid; `closed`, while all codes are refused.',
    labels: ['purpose', 'reason'],
  },
  codes_closed: {
    help: 'How often all emailed codes were closed for a while, after too many wrong ones.',
    labels: [],
  },
  session_reuses: { help: 'Refresh tokens that were used again: thefts.', labels: [] },
  mails: { help: 'Emails that this worker finished, by outcome.', labels: ['outcome'] },
  purchases: { help: 'Payment events, by outcome.', labels: ['outcome'] },
  gateway_failures: { help: 'Calls to the payment gateway that failed.', labels: [] },
  mails_unanswered: {
    help: 'Emails whose content was sent without a reply of the mail server: perhaps delivered.',
    labels: [],
  },
  mail_attempts_failed: { help: 'Deliveries that failed and are retried.', labels: [] },
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
    help: '1 while limits are counted in this process, because Redis does not answer.',
    across: 'max',
  },
  passwords_waiting: { help: 'Passwords that wait for a hash thread.', across: 'sum' },
  postgres_connections_waited_for: { help: 'Queries that wait for a free connection.', across: 'sum' },
  mail_queue_down: {
    help: '1 while emails cannot be queued, no worker takes them, or Redis may evict them; else 0.',
    across: 'max',
  },
  mails_unsent: { help: 'Emails that are not sent yet.', across: 'max' },
  mails_failed: { help: 'Emails that were given up and can be sent again.', across: 'max' },
  oldest_unsent_mail_seconds: {
    help: 'Age of the oldest email that is not sent yet; 0 if there is no such email.',
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
