// Every metric of the core, as Prometheus names them. Modules add their own counters. Labels hold names from catalogues,
// never text of a client and no personal data.

/** A count since the start of the process: `latchkey_<name>_total`. */
export type Counter<L extends string = string> = { name: string; help: string; labels: readonly L[] }

/**
 * A value that is read at each scrape: `latchkey_<name>`. `across` combines several processes: the figure of a store is the
 * same in each of them (`max`), a figure of the process itself adds up (`sum`).
 */
export type Gauge = { name: string; help: string; across: 'sum' | 'max' }

/** Defines a counter. `labels` are the names of its labels. */
export const counter = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): Counter<L> => ({ name, help, labels })

export const counters = {
  http_requests: counter('http_requests', 'Requests answered, by the pattern of their route.', [
    'method',
    'route',
    'status',
  ]),
  faults: counter('faults', 'Requests that were answered 503, by the store that failed.', ['store']),
  limits_in_memory: counter(
    'limits_in_memory',
    'Limits that were counted in this process, because Redis did not answer.',
  ),
  stale_reads_on_primary: counter(
    'stale_reads_on_primary',
    'Reads that the primary served, because no replica answered.',
  ),
  logins_failed: counter('logins_failed', 'Sign-ins with a wrong email, password or passkey.'),
  passwords_closed: counter('passwords_closed', 'Passwords locked after too many wrong ones in a row.'),
  codes_refused: counter(
    'codes_refused',
    'Emailed codes that were refused, by purpose. Reason: `wrong`; `no_code`, if no code is valid; `closed`, while all codes are refused.',
    ['purpose', 'reason'],
  ),
  codes_closed: counter(
    'codes_closed',
    'How often all emailed codes were closed for a while, after too many wrong ones.',
  ),
  second_factors: counter(
    'second_factors',
    'Evidence of second factors, by method. Outcome: `right`, `wrong` or `limited`.',
    ['method', 'outcome'],
  ),
  factors_changed: counter('factors_changed', 'Factors that were added, removed, restored or reset.', [
    'type',
    'change',
  ]),
  passkey_counters_back: counter(
    'passkey_counters_back',
    'Passkeys whose signature counter went back: perhaps a copied key.',
  ),
  session_reuses: counter('session_reuses', 'Refresh tokens that were used again: thefts.'),
  clients_authenticated: counter(
    'clients_authenticated',
    'Machine clients that presented a secret. Outcome: `right` or `wrong`.',
    ['outcome'],
  ),
  machine_tokens: counter('machine_tokens', 'Access tokens issued to machine clients.'),
  mails: counter('mails', 'Emails that this worker finished, by outcome.', ['outcome']),
  mails_unanswered: counter(
    'mails_unanswered',
    'Emails whose content was sent without a reply of the mail server: perhaps delivered.',
  ),
  mail_attempts_failed: counter('mail_attempts_failed', 'Deliveries that failed and are retried.'),
}

/** Seconds from receiving a request to its reply. */
export const requestSeconds = {
  name: 'http_request_seconds',
  help: 'Time to answer, by the pattern of the route.',
  labels: ['route'],
} as const

const gauge = (name: string, across: Gauge['across'], help: string): Gauge => ({ name, help, across })

export const gauges = {
  limiter_in_memory: gauge(
    'limiter_in_memory',
    'max',
    '1 while limits are counted in this process, because Redis does not answer.',
  ),
  passwords_waiting: gauge('passwords_waiting', 'sum', 'Passwords that wait for a hash thread.'),
  postgres_connections_waited_for: gauge(
    'postgres_connections_waited_for',
    'sum',
    'Queries that wait for a free connection.',
  ),
  signing_key_age_seconds: gauge(
    'signing_key_age_seconds',
    'max',
    'How long the signing key has been signing access tokens.',
  ),
  signing_key_due_seconds: gauge(
    'signing_key_due_seconds',
    'max',
    'Seconds until the next key signs. Negative if a rotation is overdue. Absent if none is planned.',
  ),
  signing_keys_unread_seconds: gauge(
    'signing_keys_unread_seconds',
    'max',
    'Seconds since a process has read the signing keys from Postgres.',
  ),
  mail_queue_down: gauge(
    'mail_queue_down',
    'max',
    '1 while emails cannot be queued, no worker takes them, or Redis may evict them; else 0.',
  ),
  mails_unsent: gauge('mails_unsent', 'max', 'Emails that are not sent yet.'),
  mails_failed: gauge('mails_failed', 'max', 'Emails that were given up and can be sent again.'),
  oldest_unsent_mail_seconds: gauge(
    'oldest_unsent_mail_seconds',
    'max',
    'Age of the oldest email that is not sent yet; 0 if there is no such email.',
  ),
}

/** What flows may count. */
export type Metrics = {
  /** Adds one. The labels are those that the counter declares. */
  count: <L extends string>(
    counter: Counter<L>,
    ...labels: [L] extends [never] ? [] : [Record<L, string>]
  ) => void
  /** Observes the duration of a request, in seconds. */
  timed: (route: string, seconds: number) => void
}
