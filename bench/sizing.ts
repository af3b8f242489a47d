import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

// `npm run bench:sizing` computes tables of docs/sizing.md from its table of measured times.

const file = fileURLToPath(new URL('../docs/sizing.md', import.meta.url))
const text = await readFile(file, 'utf8')

/** The CPU time of one request in each part, in milliseconds. */
type Cost = { api: number; redis: number; postgres: number }

const costOf = (name: string): Cost => {
  const row = text.split('\n').find(line => line.startsWith(`| ${name}`))
  const [api, redis, postgres] = row?.split('|').slice(2, 5).map(Number) ?? []
  if (!api || !redis || !postgres) throw new Error(`docs/sizing.md has no measured times of ${name}`)
  return { api, redis, postgres }
}
const me = costOf('`GET /auth/me`')
const refresh = costOf('`POST /auth/refresh`')
const login = costOf('`POST /auth/login`')
const email = costOf('an email')

/** Two digits: the times are not more exact. */
const figure = (value: number): string =>
  Number(value.toPrecision(value < 0.1 ? 1 : 2)).toLocaleString('en', { maximumFractionDigits: 4 })

const table = (head: string[], rows: string[][]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '--:')), ...rows]
    .map(row => `| ${row.join(' | ')} |`)
    .join('\n')

const costs: [string, Cost][] = [
  ['requests with a token', me],
  ['refreshes', refresh],
  ['sign-ins', login],
  ['emails, by a core of the worker', email],
]
const ofOneCore = table(
  ['A second, at most', 'API', 'Redis', 'Postgres'],
  costs.map(([name, cost]) => [
    name,
    ...[cost.api, cost.redis, cost.postgres].map(each => figure(1000 / each)),
  ]),
)

// The assumptions that docs/sizing.md states.
const ratesOf = (users: number) => {
  const active = users / 10
  const logins = (10 * users) / (7 * 86_400)
  return { me: active / 300, refresh: active / 900, logins, emails: logins / 10 }
}

const loadOf = (part: keyof Cost, rates: ReturnType<typeof ratesOf>): number =>
  (rates.me * me[part] + rates.refresh * refresh[part] + rates.logins * login[part]) / 1000

const ofUsers = table(
  ['Users', 'With a token', 'Refreshes', 'Sign-ins', 'API', 'Hashing', 'Worker', 'Redis', 'Postgres'],
  [1e5, 1e6, 1e7].map(users => {
    const rates = ratesOf(users)
    const hashing = (rates.logins * login.api) / 1000
    return [
      users.toLocaleString('en'),
      ...[rates.me, rates.refresh, rates.logins].map(rate => `${figure(rate)} a second`),
      ...[
        loadOf('api', rates) - hashing,
        hashing,
        (rates.emails * email.api) / 1000,
        loadOf('redis', rates) + (rates.emails * email.redis) / 1000,
        loadOf('postgres', rates) + (rates.emails * email.postgres) / 1000,
      ].map(figure),
    ]
  }),
)

/** Requests a second by this many API processes, each with a core, before the one core of Redis is busy. */
const atMost = ({ api, redis }: Cost, processes: number): number =>
  Math.min(processes * (1000 / api), 1000 / redis)

const setups: [string, number][] = [
  ['1 process', 1],
  ['2 processes', 2],
  ['4 processes', 4],
  ['2 machines with 4 each', 8],
]
const ofProcesses = table(
  ['API', 'With a token', 'or refreshes', 'or sign-ins', 'Redis', 'Postgres', 'Connections'],
  setups.map(([name, processes]) => {
    const requests = atMost(me, processes)
    return [
      name,
      ...[requests, atMost(refresh, processes), atMost(login, processes)].map(
        rate => `${figure(rate)} a second`,
      ),
      ...[me.redis, me.postgres].map(each => figure((requests * each) / 1000)),
      String(11 * processes),
    ]
  }),
)

const fill = (document: string, name: string, content: string): string =>
  document.replace(
    new RegExp(`(<!-- computed: ${name} -->\n)[^<]*(<!-- /computed -->)`),
    (_, begin, end) => `${begin}\n${content}\n\n${end}`,
  )

const filled = { 'one core': ofOneCore, users: ofUsers, processes: ofProcesses }
await writeFile(
  file,
  Object.entries(filled).reduce((document, [name, content]) => fill(document, name, content), text),
)
