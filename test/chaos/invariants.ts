import { openClient } from '../client.ts'
import { password } from '../fixtures.ts'
import { until } from '../until.ts'
import type { Session } from './account.ts'
import type { Load } from './load.ts'
import type { Answer } from './recorder.ts'

// What holds during every fault:
// (a) no 2xx without a durable effect       (b) no access that a healthy system would deny
// (c) no 401 or 429 caused by a fault       (d) every answer in less than 5 s
// (e) recovery in less than 30 s            (f) the outbox drains, each queued email arrives at least once
// (g) the process lives
// Load.recovered() waits for (e), and throws.

export type Allowed = {
  /** Redis has lost sessions, as documented: those that began before the last fault ended may be gone. */
  sessionsLost?: boolean
  /** An instance was killed: its requests during the fault may go unanswered, including those to /livez. */
  unanswered?: boolean
  /** Any other answer that the fault is documented to cause. */
  answer?: (answer: Answer) => boolean
  /** No worker runs: check the rows of emails, but not their delivery. */
  noMail?: boolean
  /** How long the outbox may take to drain, in milliseconds: emails that were put off wait for their next try. */
  drainTimeoutMs?: number
}

const slowMs = 5000

const inFault = ({ faults }: Load, { at, ms }: Answer): boolean =>
  faults.some(({ from, to }) => at + ms >= from && at <= to)

const beforeLoss = ({ faults }: Load, since: number | null): boolean =>
  since !== null && since <= Math.max(0, ...faults.map(({ to }) => to))

// `/livez` queries no store, so its time is that of a slow machine. Subtract it from the time of other answers.
const ownTime = ({ answers }: Load, { at, ms, route }: Answer): number => {
  if (route === 'livez') return ms
  const beside = answers.filter(
    each => each.route === 'livez' && each.at <= at + ms && each.at + each.ms >= at,
  )
  return ms - Math.max(0, ...beside.map(each => each.ms))
}

// On an overloaded machine a store may answer late without any fault. Such a 503 is slow and rare.
export const isSlow503 = ({ status, ms }: Pick<Answer, 'status' | 'ms'>): boolean =>
  status === 503 && ms >= 400

const isRare = (count: number, all: number): boolean => count <= Math.max(3, all / 50)

/** Which invariant this answer breaks; null if it breaks none. */
const judge = (load: Load, allowed: Allowed, answer: Answer): string | null => {
  const { actor, attempt, route, status, code, retryAfter, ms } = answer
  const what = `${actor} ${attempt || route} was answered ${status || 'nothing'} ${code}`
  if (allowed.answer?.(answer)) return null
  if (ms >= slowMs && ownTime(load, answer) >= slowMs) return `(d) ${what} after more than 5 s`
  const duringFault = inFault(load, answer)
  if (status === 0) return duringFault && allowed.unanswered ? null : `(g) ${what}`
  if (route === 'livez') return status === 200 ? null : `(g) ${what}`
  if (actor === 'hostile' && status < 400) return `(b) ${what}`
  if (status >= 500 && status !== 503) return `(g) ${what}`
  if (status === 503 && !(Number(retryAfter) >= 1)) return `(c) ${what} without Retry-After`
  if (status === 503 && !duringFault) return isSlow503(answer) ? null : `(e) ${what} without a fault`
  if (actor !== 'honest' || status < 400 || status === 503) return null
  if (status === 409 && answer.firstAt < answer.at) return null
  const isLost = allowed.sessionsLost && status === 401 && beforeLoss(load, answer.sessionSince)
  return isLost ? null : `(c) ${what}`
}

const brokenAnswers = (load: Load, allowed: Allowed): string[] => {
  const found = new Map<string, { count: number; first: Answer; slowest: number }>()
  for (const answer of load.answers) {
    const broken = judge(load, allowed, answer)
    if (!broken) continue
    const { count = 0, first = answer, slowest = 0 } = found.get(broken) ?? {}
    found.set(broken, { count: count + 1, first, slowest: Math.max(slowest, answer.ms) })
  }
  const slow503s = load.answers.filter(answer => isSlow503(answer) && !inFault(load, answer))
  const [first] = slow503s
  if (first && !isRare(slow503s.length, load.answers.length))
    found.set('(e) slow 503s without a fault', { count: slow503s.length, first, slowest: first.ms })
  const start = load.answers[0]?.at ?? 0
  const fault = load.faults[0]?.from ?? Number.NaN
  return [...found].map(
    ([what, { count, first, slowest }]) =>
      `${what}: ${count} times, first ${first.at - start} ms after the start (fault at ${fault - start} ms), slowest ${Math.round(slowest)} ms`,
  )
}

const lostUsers = async ({ world, ledger }: Load): Promise<string[]> => {
  const rows = await world.sql<{ email: string; emails: number }>(
    `SELECT u.email, count(e.id)::int AS emails FROM users u
       LEFT JOIN emails e ON e.user_id = u.id AND e.kind = 'verify_email'
      WHERE u.id = ANY($1) GROUP BY u.id`,
    [ledger.users.map(({ userId }) => userId)],
  )
  const emails = new Map(rows.map(row => [row.email, row.emails]))
  const withoutEmail = await world.sql<{ email: string }>(
    'SELECT email FROM users u WHERE NOT EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id)',
  )
  return [
    ...ledger.users.flatMap(({ email }) =>
      emails.get(email) ? [] : [`(a) ${email} was registered: ${emails.has(email) ? 'no email' : 'no user'}`],
    ),
    ...withoutEmail.map(({ email }) => `(a) the user ${email} has no email`),
  ]
}

const lostEvents = async ({ world, ledger }: Load): Promise<string[]> => {
  const logins = await world.sql<{ user_id: string; times: number }>(
    `SELECT user_id, count(*)::int AS times FROM audit_events WHERE type = 'login.succeeded' GROUP BY user_id`,
  )
  const storedLogins = new Map(logins.map(({ user_id, times }) => [user_id, times]))
  const resets = await world.sql<{ recipient: string; times: number }>(
    `SELECT recipient, count(*)::int AS times FROM emails WHERE kind = 'reset_password' GROUP BY recipient`,
  )
  const storedResets = new Map(resets.map(({ recipient, times }) => [recipient, times]))
  const fewer = (stored: Map<string, number>, answered: Map<string, number>, what: string) =>
    [...answered].flatMap(([owner, times]) =>
      (stored.get(owner) ?? 0) < times
        ? [`(a) ${times} ${what} of ${owner}, ${stored.get(owner) ?? 0} stored`]
        : [],
    )
  return [
    ...fewer(storedLogins, ledger.logins, 'logins'),
    ...fewer(storedResets, ledger.forgot, 'reset emails'),
  ]
}

/** Repeats a request while its answer is 503, up to 5 times. */
const statusOf = async (send: () => Promise<{ status: number }>): Promise<number> => {
  for (let tries = 1; ; tries++) {
    const { status } = await send()
    if (status !== 503 || tries === 5) return status
    await new Promise(resolve => setTimeout(resolve, 300))
  }
}

/** The newest 40: more would take too long to check. */
const sample = <T>(all: Iterable<T>): T[] => [...all].slice(-40)

const wrongSessions = async (load: Load, { sessionsLost = false }: Allowed): Promise<string[]> => {
  const client = openClient(load.urls()[0] ?? '')
  const tryBoth = async ({ access, refresh }: Session) => ({
    me: await statusOf(() => client.get('me', { token: access })),
    refresh: await statusOf(() => client.post('refresh', { refresh_token: refresh })),
  })
  const live = sample(load.ledger.live).filter(({ since }) => !sessionsLost || !beforeLoss(load, since))
  const check = (what: string, good: number) => async (session: Session) => {
    const { me, refresh } = await tryBoth(session)
    const age = Date.now() - session.since
    return me === good && refresh === good
      ? []
      : [`${what} ${session.sessionId}, ${age} ms old: me answers ${me}, refresh ${refresh}`]
  }
  const signedIn = await Promise.all(
    sample(load.ledger.users).map(async ({ email }) => {
      const status = await statusOf(() => client.post('login', { email, password }))
      return status === 200 ? [] : [`(a) ${email} was registered: login answers ${status}`]
    }),
  )
  const liveOnes = await Promise.all(live.map(check('(a) the session was given', 200)))
  const endedOnes = await Promise.all(sample(load.ledger.ended).map(check('(a) the session was ended', 401)))
  return [signedIn, liveOnes, endedOnes].flat(2)
}

type Row = { id: string; kind: string; recipient: string; status: string; last_error: string | null }

const lostEmails = async ({ world }: Load, { drainTimeoutMs = 45_000 }: Allowed): Promise<string[]> => {
  const rows = () => world.sql<Row>('SELECT id, kind, recipient, status, last_error FROM emails ORDER BY id')
  const drained = async () => (await rows()).every(({ status }) => status !== 'queued')
  await until('the outbox to drain', drained, drainTimeoutMs).catch(() => {})
  const arrived = new Set(world.mails.caught.map(({ mail }) => mail.messageId?.replace(/^<|@.*$/g, '')))
  const settled = await rows()
  const newest = new Map(settled.map(row => [`${row.kind} ${row.recipient}`, row.id]))
  return settled.flatMap(({ id, kind, recipient, status, last_error }) => {
    const what = `(f) the email ${kind} ${id} is ${status} (${last_error ?? 'no error'})`
    if (status === 'sent') return arrived.has(id) ? [] : [`${what} and did not arrive`]
    // Only a newer reset email may cause an earlier one to be dropped.
    const isReplaced = kind === 'reset_password' && newest.get(`${kind} ${recipient}`) !== id
    return status === 'dropped' && isReplaced ? [] : [what]
  })
}

/** Judges a load that has stopped, after recovery. Each line names one broken invariant. */
export const brokenInvariants = async (load: Load, allowed: Allowed = {}): Promise<string[]> => {
  const found = [
    ...load.violations,
    ...brokenAnswers(load, allowed),
    ...(await lostUsers(load)),
    ...(await lostEvents(load)),
    ...(await wrongSessions(load, allowed)),
  ]
  for (const url of load.urls()) {
    const { status } = await openClient(url).get('/livez')
    if (status !== 200) found.push(`(g) ${url} answers ${status} to /livez`)
  }
  return allowed.noMail ? found : [...found, ...(await lostEmails(load, allowed))]
}
