import anyTest from 'ava'
import { codeHash } from '../../../src/platform/crypto/one-time-token.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import type { Client, Reply } from '../../client.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { sendSimultaneously, statusesOf } from '../../simultaneous.ts'
import { testSecret } from '../../template.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'
import {
  type MailedToken,
  newPassword,
  requestEmailChangeMail,
  requestResetMail,
  userWithResetMail,
  wrongCodes,
} from './user-with-reset-mail.ts'

// Limits per account do not stop an attacker who guesses the codes of many accounts. So reset codes are longer, and too
// many wrong codes over all accounts disable every code until the window ends.

const test = anyTest.serial

const limit = 20
const highLimits = 'register=1000/15m,login=1000/15m,anonymous=9999/15m,mail=1000/1h,mail_ip=1000/1h'
const env = { METRICS_PORT: '0', RATE_LIMITS: `${highLimits},code_service=${limit}/1h` }
const world = await openWorld({ worker: true, env })
const other = await world.instance()
const shortWindow = await openWorld({
  worker: true,
  env: { ...env, RATE_LIMITS: `${highLimits},code_service=5/5s` },
})
anyTest.after.always(async () => {
  for (const each of [shortWindow, world]) await each[Symbol.asyncDispose]()
})

const { client } = world

/** Resets the count as the end of the hour does. */
const resetCount = async () => world.dropKeys(await world.keysLike(`${world.keys.limit('code_service')}*`))
test.beforeEach(resetCount)

const guess = (email: string, code: string, at: Client = client) =>
  at.post('reset-password', { email, code, new_password: newPassword })

const newUser = () => userWithResetMail(world)

/** Sends wrong codes, five for each account. */
const guessWrong = async (count: number, at: World = world): Promise<void> => {
  for (let left = count; left > 0; left -= 5) {
    const { email, reset } = await userWithResetMail(at)
    for (const wrong of wrongCodes(reset.code, Math.min(5, left))) {
      const { status } = await guess(email, wrong, at.client)
      if (status !== 401) throw new Error(`a wrong code was answered ${status}`)
    }
  }
}

const count = async (name: string, at: { metrics: () => Promise<string> } = world): Promise<number> => {
  const line = (await at.metrics()).split('\n').find(each => each.startsWith(`latchkey_${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}
const refused = (reason: string, at?: { metrics: () => Promise<string> }) =>
  count(`codes_refused_total{purpose="reset_password",reason="${reason}"}`, at)

const levelsOf = async (pattern: RegExp) =>
  (await world.newLogs())
    .map(line => JSON.parse(line) as { level: string; msg: string })
    .filter(({ msg }) => pattern.test(msg))
    .map(({ level }) => level)

test('code that alone opens an account → eight digits; code that confirms an address → six digits', async t => {
  const account = await newUser()
  t.regex(account.reset.code, /^\d{8}$/)
  t.regex(account.verification.code, /^\d{6}$/)
  t.regex((await requestEmailChangeMail(world, account, anEmail())).code, /^\d{6}$/)

  const guest = await anAccount(client)
  await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [guest.userId])
  await world.queueEmail({
    kind: 'welcome_guest',
    recipient: guest.email,
    userId: guest.userId,
    locale: 'en',
  })
  const { code } = await world.mails.to(guest.email, 1, '/reset-password')
  t.regex(code, /^\d{8}$/)
  t.is((await guess(guest.email, code)).status, 204)
})

test('six-digit reset code from an earlier version → still resets the password', async t => {
  const { email, userId } = await newUser()
  const hash = codeHash(deriveSecrets([testSecret]).current.mail, userId, 'reset_password', '048213')
  await world.redis.hset(world.keys.oneTimeToken(userId, 'reset_password'), 'code', hash)
  t.is((await guess(email, '048214')).status, 401)
  t.is((await guess(email, '048213')).status, 204)
})

test('as many wrong codes as the limit, over several accounts → all codes are rejected, links work', async t => {
  const waiting = await newUser()
  const byLink = await newUser()
  const moving = await newUser()
  const moved = anEmail()
  const move = await requestEmailChangeMail(world, moving, moved)
  const { email, reset } = await newUser()
  const [wrong = ''] = wrongCodes(reset.code, 1)
  const before = comparable(await guess(email, wrong))
  await guessWrong(limit - 1)

  for (const at of [client, other.client]) {
    const right = await guess(waiting.email, waiting.reset.code, at)
    t.is(right.status, 401)
    t.deepEqual(comparable(right), before, 'the reply is the same as for a wrong code')
    t.deepEqual(comparable(await guess(anEmail(), '12345678', at)), before)
    const checked = { email: waiting.email, code: waiting.reset.code }
    t.is((await at.post('verify-reset-token', checked)).status, 401)
    const { verification } = waiting
    t.is((await at.post('verify-email', { email: waiting.email, code: verification.code })).status, 401)
    t.is((await at.post('confirm-email', { email: moved, code: move.code })).status, 401)
  }
  const { token } = byLink.reset
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  t.is(
    (await client.post('verify-email', { token: byLink.verification.token })).status,
    401,
    'the reset consumed it',
  )
  t.is((await client.post('verify-email', { token: waiting.verification.token })).status, 200)
  t.is((await client.post('confirm-email', { token: move.token })).status, 200)

  await resetCount()
  t.is(
    (await guess(waiting.email, waiting.reset.code)).status,
    204,
    'attempts while codes were disabled did not count as guesses',
  )
})

const comparable = ({ status, headers, text, body }: Reply) => {
  const own = new Set(['date', 'x-request-id', 'ratelimit'])
  return {
    status,
    headers: [...headers].filter(([name]) => !own.has(name)),
    text: text.replace(body.request_id, ''),
  }
}

test('codes disabled by too many wrong ones → enabled again when the window ends', async t => {
  const { email, reset } = await userWithResetMail(shortWindow)
  const guessed = [await userWithResetMail(shortWindow), await userWithResetMail(shortWindow)]
  const wrong = guessed.flatMap(({ email, reset }) =>
    wrongCodes(reset.code, 5).map(code => guess(email, code, shortWindow.client)),
  )
  await Promise.all(wrong)
  t.true((await refused('closed', shortWindow)) > 0)
  await until(
    'the codes to be enabled again',
    async () => (await guess(email, reset.code, shortWindow.client)).status === 204,
  )
})

test('wrong codes → each is counted; one warning at a tenth of the limit, one error at the limit', async t => {
  await world.newLogs()
  const [wrong, closings] = [await refused('wrong'), await count('codes_closed_total')]
  await guessWrong(1)
  t.deepEqual(await levelsOf(/mailed codes/), [])
  await guessWrong(1)
  t.deepEqual(await levelsOf(/mailed codes/), ['warn'])
  await guessWrong(limit - 3)
  t.deepEqual(await levelsOf(/mailed codes/), [])
  await guessWrong(1)
  t.deepEqual(await levelsOf(/mailed codes/), ['error'])
  t.is((await refused('wrong')) - wrong, limit)
  t.is((await count('codes_closed_total')) - closings, 1)

  const closed = await refused('closed')
  await guess(anEmail(), '12345678')
  t.is((await refused('closed')) - closed, 1)
  t.deepEqual(await levelsOf(/mailed codes/), [], 'codes sent while all are disabled write no more log lines')
})

test('right codes, and codes for accounts without a live one → not counted as wrong', async t => {
  const none = await refused('no_code')
  for (let i = 0; i < limit + 5; i++) t.is((await guess(anEmail(), '12345678')).status, 401)
  t.is((await refused('no_code')) - none, limit + 5)
  const used = await newUser()
  for (const wrong of wrongCodes(used.reset.code, limit + 5)) await guess(used.email, wrong)
  for (let i = 0; i < 3; i++) {
    const { email, reset } = await newUser()
    for (let again = 0; again < 4; again++)
      t.is((await client.post('verify-reset-token', { email, code: reset.code })).status, 200)
  }
  const { email, reset } = await newUser()
  t.is((await guess(email, reset.code)).status, 204)
})

test('simultaneous wrong codes at two instances → no more than the limit are compared', async t => {
  const accounts = await Promise.all(Array.from({ length: 8 }, newUser))
  const before = (await refused('wrong')) + (await refused('wrong', other))
  const requests = accounts.flatMap(({ email, reset }) =>
    wrongCodes(reset.code, 5).map(code => ({
      path: 'reset-password',
      body: { email, code, new_password: newPassword },
    })),
  )
  t.deepEqual(statusesOf(await sendSimultaneously([world.url, other.url], requests)), { 401: 40 })
  t.is((await refused('wrong')) + (await refused('wrong', other)) - before, limit)
})

test('attacker requests new codes again and again → wrong codes still add up to the limit', async t => {
  const { email, reset } = await newUser()
  let mailed: MailedToken = reset
  for (let round = 0; round < 4; round++) {
    if (round > 0) mailed = await requestResetMail(world, email)
    for (const wrong of wrongCodes(mailed.code, 5)) await guess(email, wrong)
  }
  const honest = await newUser()
  t.is((await guess(honest.email, honest.reset.code)).status, 401)
})
