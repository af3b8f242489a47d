import { randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { append, load, table } from './enumeration-report.ts'
import { openInstance } from './instance.ts'
import { differenceInterval, median, quantile, separation } from './statistics.ts'

// Measures whether answers, or their times, show if an email address has an account. Requests for addresses with and
// without an account alternate in random order over one connection, so that other work of the machine affects both alike.

const samples = 200
const warmUp = 10
const timeoutMs = AbortSignal.timeout(300_000)
const password = 'correct horse 9'

type Answer = { milliseconds: number; shape: string; body: string }
type Request = { path: string; body: object }
/** Makes the request that is measured. It may send others before. */
type Ask = (email: string, url: string) => Request | Promise<Request>

const questions: Record<string, Ask> = {
  'login, wrong password': email => ({ path: 'login', body: { email, password: 'not the password 1' } }),
  'forgot-password': email => ({ path: 'forgot-password', body: { email } }),
  'login/email': email => ({ path: 'login/email', body: { email } }),
  'login/email/confirm, wrong code': async (email, url) => {
    const { body } = await post(url, { path: 'login/email', body: { email } })
    const { login_token } = JSON.parse(body)
    return { path: 'login/email/confirm', body: { login_token, code: '00000000' } }
  },
  'resend-verification': email => ({ path: 'resend-verification', body: { email } }),
  'register, REGISTRATION_PRIVACY=on': email => ({ path: 'register', body: { email, password } }),
}

// All addresses have one length, so that answers have one length too.
const anEmail = (): string => `u${randomBytes(8).toString('hex')}@example.com`

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Headers and values of the body that differ in every answer. The values of a field have one length. */
const volatileHeaders = /^(date|x-request-id)$/
const volatileFields = /"request_id":"[^"]*"|"login_token":"[^"]{47}"/

const shapeOf = (reply: IncomingMessage, body: string): string => {
  const headers = Object.entries(reply.headers).filter(([name]) => !volatileHeaders.test(name))
  return JSON.stringify([reply.statusCode, headers.sort(), body.replace(volatileFields, '')])
}

const post = (url: string, { path, body }: Request): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const content = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }
    const options = { method: 'POST', agent, headers, signal: timeoutMs }
    const began = performance.now()
    request(`${url}/api/v1/auth/${path}`, options, async reply => {
      const milliseconds = performance.now() - began
      const body = await text(reply)
      resolve({ milliseconds, shape: shapeOf(reply, body), body })
    })
      .on('error', reject)
      .end(content)
  })

type Measured = { name: string; known: Answer[]; unknown: Answer[] }

const measure = async (url: string, name: string, ask: Ask, accounts: string[]): Promise<Measured> => {
  const measured: Measured = { name, known: [], unknown: [] }
  for (const [at, account] of accounts.entries()) {
    const pair = [
      { kept: measured.known, email: account },
      { kept: measured.unknown, email: anEmail() },
    ]
    if (Math.random() < 0.5) pair.reverse()
    for (const { kept, email } of pair) {
      const answer = await post(url, await ask(email, url))
      if (at >= warmUp) kept.push(answer)
    }
  }
  return measured
}

const times = (answers: Answer[]): number[] => answers.map(({ milliseconds }) => milliseconds)
const format = (milliseconds: number): string => milliseconds.toFixed(2)

const row = ({ name, known, unknown }: Measured): string[] => {
  const [a, b] = [times(known), times(unknown)]
  const shapes = new Set([...known, ...unknown].map(({ shape }) => shape))
  const [low, high] = differenceInterval(a, b)
  return [
    name,
    ...[median(a), median(b), median(a) - median(b)].map(format),
    `${format(low)} to ${format(high)}`,
    ...[quantile(a, 0.95), quantile(b, 0.95)].map(format),
    separation(a, b).toFixed(3),
    shapes.size === 1 ? 'yes' : `NO: ${shapes.size} kinds`,
    low > 0 || high < 0 ? '**yes**' : 'no',
  ]
}

const main = async (): Promise<void> => {
  const cost = process.env.BCRYPT_COST || '10'
  const given = { BCRYPT_COST: cost, RATE_LIMITS: 'off', REGISTRATION_PRIVACY: 'on', EMAIL_LOGIN: 'on' }
  const before = load()
  await using instance = await openInstance(given)
  const accounts = Array.from({ length: samples + warmUp }, anEmail)
  for (const email of accounts) await post(instance.url, { path: 'register', body: { email, password } })

  const rows: string[][] = []
  for (const [name, ask] of Object.entries(questions)) {
    process.stderr.write(`${name} …\n`)
    rows.push(row(await measure(instance.url, name, ask, accounts)))
  }
  agent.destroy()
  process.stdout.write(`${table(rows)}\n`)
  await append(rows, { samples, cost, loads: [before, load()], versions: instance.versions })
}

await main()
