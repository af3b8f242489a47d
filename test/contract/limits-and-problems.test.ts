import test from 'ava'
import { limits, problems } from '../../src/modules.ts'
import { parseLimits } from '../../src/platform/catalog/limits.ts'
import { problemSlug } from '../../src/platform/catalog/problem-definition.ts'
import { problems as coreProblems } from '../../src/platform/catalog/problems.ts'
import { sources } from '../house/source.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const minute = 60_000

test('a default rate limit that differs from its reviewed value, or is gone → fails', t => {
  const actual = limits.map(
    ({ name, points, window, by }) => `${name}: ${points} in ${window / minute} min by ${by}`,
  )
  const reviewed = [
    'register: 5 in 15 min by ip',
    'login: 10 in 15 min by ip',
    'login_device: 10 in 15 min by device',
    'refresh: 20 in 15 min by session',
    'refresh_cookie: 120 in 15 min by session',
    'anonymous: 100 in 15 min by ip',
    'bearer: 1000 in 15 min by session',
    'check: 30000 in 15 min by session',
    'check_client: 300000 in 15 min by client',
    'export: 5 in 60 min by user',
    'session_list: 100 in 15 min by session and ip',
    'change_password: 10 in 15 min by session and ip',
    'password_changed: 10 in 60 min by user',
    'mail: 3 in 60 min by recipient',
    'mail_ip: 10 in 60 min by ip',
    'docs: 300 in 15 min by ip',
    'code: 5 in 1440 min by token',
    'code_day: 20 in 1440 min by user',
    'repeat: 100 in 1440 min by token',
    'code_service: 1000 in 60 min by service',
    'sites: 1000 in 15 min by ip',
    'purchase: 5 in 30 min by ip',
    'webhook: 1000 in 1 min by ip',
  ]
  const names = reviewed.map(line => line.slice(0, line.indexOf(':') + 1))
  t.deepEqual(
    actual.filter(line => names.some(name => line.startsWith(name))),
    reviewed,
  )
})

test('RATE_LIMITS entry → overrides this limit only', t => {
  const defaults = Object.fromEntries(limits.map(limit => [limit.name, limit]))
  t.deepEqual(parseLimits(limits)('login=3/90s, mail=1/1d'), {
    ...defaults,
    login: { name: 'login', points: 3, window: 90_000, by: 'ip' },
    mail: { name: 'mail', points: 1, window: 1440 * minute, by: 'recipient' },
  })
  t.is(defaults.login?.points, 10, 'the defaults are unchanged')
  t.deepEqual(parseLimits(limits)(''), defaults)
  t.is(parseLimits(limits)('off'), 'off')
})

test('malformed RATE_LIMITS → rejected, never treated as no limit', t => {
  const wrong = [
    'Off',
    'login',
    'login=',
    'login=10',
    'login=off',
    'login=0/15m',
    'login=-1/15m',
    'login=1.5/15m',
    'login=1e3/15m',
    'login=10/15',
    'login=10/0m',
    'login=10/15m/ip',
    'logon=10/15m',
    'LOGIN=10/15m',
    'login=10/15m;register=5/15m',
    'login=10/15m,off',
    'constructor=10/15m',
    '__proto__=10/15m',
  ]
  for (const text of wrong) t.is(parseLimits(limits)(text), null, text)
  t.false('points' in {}, 'Object.prototype is unchanged')
})

test('every problem code has a 4xx or 5xx status, a unique title and a help text', t => {
  for (const { code, status, title, help } of problems) {
    t.regex(code, /^[A-Z]+(_[A-Z]+)*$/)
    t.true(status >= 400 && status < 600, code)
    t.regex(title, /^[A-Z].*[^.]$/, code)
    t.regex(help, /^[A-Z`].*\.$/, code)
  }
  t.is(new Set(problems.map(({ title }) => title)).size, problems.length, 'two problems have the same title')
})

for (const { code, status: expected, title } of problems)
  test(`type URL of ${code} → a page that explains the problem`, async t => {
    const path = `/problems/${problemSlug(code)}`
    t.regex(path, /^\/problems\/[a-z]+(-[a-z]+)*$/)
    const { status, headers, text } = await world.client.get(path)
    t.is(status, 200)
    t.regex(headers.get('content-type') ?? '', /^text\/html/)
    t.true(text.includes(`<code>${code}</code>, HTTP ${expected}`))
    t.true(text.includes(title))
  })

test('every problem reason is a sentence and is used in the code', t => {
  const code = sources('{src,packages/guard/src}/**/*.ts')
    .filter(({ path }) => !/\/catalog\/problem[\w-]*\.ts$/.test(path))
    .map(({ text }) => text)
    .join('\n')
  const detailed = problems.filter(({ details }) => details)
  t.true(detailed.some(({ code }) => code === 'FORBIDDEN'))
  for (const { details = {} } of detailed)
    for (const [name, sentence] of Object.entries(details)) {
      t.regex(sentence, /^[A-Z].*[.]$/, name)
      t.regex(code, new RegExp(`'${name}'`), name)
    }
})

test('page of a problem → lists its reasons', async t => {
  const { text } = await world.client.get('/problems/forbidden')
  t.true(text.includes('neither an <code>Origin</code> header nor'))
  const withBackticks = text.replaceAll(/<\/?code>/g, '`')
  for (const sentence of Object.values(problems.find(each => each.code === 'FORBIDDEN')?.details ?? {}))
    t.true(withBackticks.includes(`<li>${sentence}</li>`))
})

test('error reply → has the type URL of its problem and the request id', async t => {
  const { status, headers, body } = await world.client.get('/nowhere')
  t.is(status, 404)
  t.is(headers.get('content-type'), 'application/problem+json')
  t.deepEqual(body, {
    type: '/problems/not-found',
    title: coreProblems.NOT_FOUND.title,
    status: 404,
    code: 'NOT_FOUND',
    request_id: headers.get('x-request-id'),
  })
})
