import { openClient } from '../client.ts'
import { password } from '../fixtures.ts'
import { until } from '../until.ts'
import type { Answer, Crowd, Session } from './traffic.ts'

// What holds whatever breaks:
// (a) no 2xx without a durable effect       (b) nothing granted that a healthy system would deny
// (c) no 401 or 429 caused by a fault       (d) every answer in less than 5 s
// (e) recovery in less than 30 s            (f) the outbox drains, each owed mail arrives at least once
// (g) the process lives
// Crowd.recovered() waits for (e), and throws.

export type Excepted = {
  /** Redis has lost sessions, as documented: those that began before the last fault was over may be gone. */
  sessionsLost?: boolean
  /** An instance was killed: what was asked of it in a fault may go unanswered, also by /livez. */
  unanswered?: boolean
  /** Anything else that the fault is documented to cause. */
  answer?: (answer: Answer) => boolean
  /** No worker runs: rows are looked for, mails are not. */
  noMail?: boolean
  /** Milliseconds that the outbox is given to drain: mails put off wait for their next try. */
  drainTimeoutMs?: number
}

const timeoutMs = 5000

const inFault = ({ faults }: Crowd, { at, ms }: Answer): boolean =>
  faults.some(({ from, to }) => at + ms >= from && at <= to)

const beforeLoss = ({ faults }: Crowd, since: number | null): boolean =>
  since !== null && since <= Math.max(0, ...faults.map(({ to }) => to))

// What asks no store takes as long as this machine does: as much is nobody's wait for a store.
const ownTime = ({ answers }: Crowd, { at, ms, route }: Answer): number => {
  if (route === 'livez') return ms
  const beside = answers.filter(
    each => each.route === 'livez' && each.at <= at + ms && each.at + each.ms >= at,
  )
  return ms - Math.max(0, ...beside.map(each => each.ms))
}

// On a machine with far too much to do a store may be late without a fault of anybody. Such a 503 is a slow one, and
// rare.
export const isStarved = ({ status, ms }: Answer): boolean => status === 503 && ms >= 400

const isSeldom = (count: number, all: number): boolean => count <= Math.max(3, all / 50)

/** Why this answer should not have been given; null where it is well. */
const judged = (crowd: Crowd, excepted: Excepted, answer: Answer): string | null => {
  const { who, route, status, code, retryAfter, ms } = answer
  const what = `${who} ${route} was answered ${status || 'nothing'} ${code}`
  if (excepted.answer?.(answer)) return null
  if (ms >= timeoutMs && ownTime(crowd, answer) >= timeoutMs) return `(d) ${what} later than after 5 s`
  const struck = inFault(crowd, answer)
  if (status === 0) return struck && excepted.unanswered ? null : `(g) ${what}`
  if (route === 'livez') return status === 200 ? null : `(g) ${what}`
  if (who === 'hostile' && status < 400) return `(b) ${what}`
  if (status >= 500 && status !== 503) return `(g) ${what}`
  if (status === 503 && !(Number(retryAfter) >= 1)) return `(c) ${what} without Retry-After`
  if (status === 503 && !struck) return isStarved(answer) ? null : `(e) ${what} while nothing was broken`
  if (who !== 'honest' || status < 400 || status === 503) return null
  if (status === 409 && answer.firstAt < answer.at) return null
  const isLost = excepted.sessionsLost && status === 401 && beforeLoss(crowd, answer.sessionSince)
  return isLost ? null : `(c) ${what}`
}

const counted = (crowd: Crowd, excepted: Excepted): string[] => {
  const found = new Map<string, { count: number; first: Answer; slowest: number }>()
  for (const answer of crowd.answers) {
    const broken = judged(crowd, excepted, answer)
    if (!broken) continue
    const { count = 0, first = answer, slowest = 0 } = found.get(broken) ?? {}
    found.set(broken, { count: count + 1, first, slowest: Math.max(slowest, answer.ms) })
  }
  const starved = crowd.answers.filter(answer => isStarved(answer) && !inFault(crowd, answer))
  const [first] = starved
  if (first && !isSeldom(starved.length, crowd.answers.length))
    found.set('(e) 503, slowly, while nothing was broken', {
      count: starved.length,
      first,
      slowest: first.ms,
    })
  const start = crowd.answers[0]?.at ?? 0
  const strike = crowd.faults[0]?.from ?? Number.NaN
  return [...found].map(
    ([what, { count, first, slowest }]) =>
      `${what}: ${count} times, first ${first.at - start} ms after the start (fault at ${strike - start} ms), slowest ${slowest} ms`,
  )
}

const usersStand = async ({ world, ledger }: Crowd): Promise<string[]> => {
  const rows = await world.sql<{ email: string; owed: number }>(
    `SELECT u.email, count(e.id)::int AS owed FROM users u
       LEFT JOIN emails e ON e.user_id = u.id AND e.kind = 'verify_email'
      WHERE u.id = ANY($1) GROUP BY u.id`,
    [ledger.users.map(({ userId }) => userId)],
  )
  const owed = new Map(rows.map(row => [row.email, row.owed]))
  const halves = await world.sql<{ email: string }>(
    'SELECT email FROM users u WHERE NOT EXISTS (SELECT 1 FROM emails e WHERE e.user_id = u.id)',
  )
  return [
    ...ledger.users.flatMap(({ email }) =>
      owed.get(email) ? [] : [`(a) ${email} was registered: ${owed.has(email) ? 'no mail' : 'no user'}`],
    ),
    ...halves.map(({ email }) => `(a) the user ${email} has no mail`),
  ]
}

const eventsStand = async ({ world, ledger }: Crowd): Promise<string[]> => {
  const logins = await world.sql<{ user_id: string; times: number }>(
    `SELECT user_id, count(*)::int AS times FROM audit_events WHERE type = 'login.succeeded' GROUP BY user_id`,
  )
  const kept = new Map(logins.map(({ user_id, times }) => [user_id, times]))
  const asked = await world.sql<{ recipient: string; times: number }>(
    `SELECT recipient, count(*)::int AS times FROM emails WHERE kind = 'reset_password' GROUP BY recipient`,
  )
  const rows = new Map(asked.map(({ recipient, times }) => [recipient, times]))
  const fewer = (known: Map<string, number>, told: Map<string, number>, what: string) =>
    [...told].flatMap(([whose, times]) =>
      (known.get(whose) ?? 0) < times
        ? [`(a) ${times} ${what} of ${whose}, ${known.get(whose) ?? 0} kept`]
        : [],
    )
  return [...fewer(kept, ledger.logins, 'logins'), ...fewer(rows, ledger.forgot, 'reset mails')]
}

/** A judge does not mind being put off. */
const statusOf = async (send: () => Promise<{ status: number }>): Promise<number> => {
  for (let tries = 1; ; tries++) {
    const { status } = await send()
    if (status !== 503 || tries === 5) return status
    await new Promise(resolve => setTimeout(resolve, 300))
  }
}

/** As many as can be tried in a moment, the newest. */
const sample = <T>(all: Iterable<T>): T[] => [...all].slice(-40)

const sessionsStand = async (crowd: Crowd, { sessionsLost = false }: Excepted): Promise<string[]> => {
  const client = openClient(crowd.urls()[0] ?? '')
  const tryBoth = async ({ access, refresh }: Session) => ({
    me: await statusOf(() => client.get('me', { token: access })),
    refresh: await statusOf(() => client.post('refresh', { refresh_token: refresh })),
  })
  const live = sample(crowd.ledger.live).filter(({ since }) => !sessionsLost || !beforeLoss(crowd, since))
  const told = (what: string, good: number) => async (session: Session) => {
    const { me, refresh } = await tryBoth(session)
    const age = Date.now() - session.since
    return me === good && refresh === good
      ? []
      : [`${what} ${session.sessionId}, ${age} ms old: me answers ${me}, refresh ${refresh}`]
  }
  const signedIn = await Promise.all(
    sample(crowd.ledger.users).map(async ({ email }) => {
      const status = await statusOf(() => client.post('login', { email, password }))
      return status === 200 ? [] : [`(a) ${email} was registered: login answers ${status}`]
    }),
  )
  const alive = await Promise.all(live.map(told('(a) the session was given', 200)))
  const dead = await Promise.all(sample(crowd.ledger.ended).map(told('(a) the session was ended', 401)))
  return [signedIn, alive, dead].flat(2)
}

type Row = { id: string; kind: string; recipient: string; status: string; last_error: string | null }

const mailsArrive = async ({ world }: Crowd, { drainTimeoutMs = 45_000 }: Excepted): Promise<string[]> => {
  const rows = () => world.sql<Row>('SELECT id, kind, recipient, status, last_error FROM emails ORDER BY id')
  const drained = async () => (await rows()).every(({ status }) => status !== 'queued')
  await until('the outbox to drain', drained, drainTimeoutMs).catch(() => {})
  const arrived = new Set(world.mails.caught.map(({ mail }) => mail.messageId?.replace(/^<|@.*$/g, '')))
  const settled = await rows()
  const newest = new Map(settled.map(row => [`${row.kind} ${row.recipient}`, row.id]))
  return settled.flatMap(({ id, kind, recipient, status, last_error }) => {
    const what = `(f) the mail ${kind} ${id} is ${status} (${last_error ?? 'no fault'})`
    if (status === 'sent') return arrived.has(id) ? [] : [`${what} and did not arrive`]
    // Only a newer reset mail makes an earlier one say nothing.
    const isReplaced = kind === 'reset_password' && newest.get(`${kind} ${recipient}`) !== id
    return status === 'dropped' && isReplaced ? [] : [what]
  })
}

/** Judges a crowd that has stopped, with everything well again. Each line tells one broken invariant. */
export const brokenInvariants = async (crowd: Crowd, excepted: Excepted = {}): Promise<string[]> => {
  const found = [
    ...counted(crowd, excepted),
    ...(await usersStand(crowd)),
    ...(await eventsStand(crowd)),
    ...(await sessionsStand(crowd, excepted)),
  ]
  for (const url of crowd.urls()) {
    const { status } = await openClient(url).get('/livez')
    if (status !== 200) found.push(`(g) ${url} answers ${status} to /livez`)
  }
  return excepted.noMail ? found : [...found, ...(await mailsArrive(crowd, excepted))]
}
