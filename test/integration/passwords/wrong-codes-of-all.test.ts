import anyTest from 'ava'
import { codeHash } from '../../../src/crypto/proof.ts'
import { deriveSecrets } from '../../../src/crypto/secrets.ts'
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

// A guesser with many accounts to try is stopped by no limit of one account. Codes of a reset are longer for that, and
// too many wrong ones close all codes for a while.

const test = anyTest.serial

const limit = 20
const wide = 'register=1000/15m,login=1000/15m,anonymous=9999/15m,mail=1000/1h,mail_ip=1000/1h'
const env = { METRICS_PORT: '0', RATE_LIMITS: `${wide},code_service=${limit}/1h` }
const world = await openWorld({ worker: true, env })
const other = await world.instance()
const short = await openWorld({
  worker: true,
  env: { ...env, RATE_LIMITS: `${wide},code_service=5/5s` },
})
anyTest.after.always(async () => {
  for (const each of [short, world]) await each[Symbol.asyncDispose]()
})

const { client } = world

/** Lets a new hour begin. */
const forgetCount = async () => world.dropKeys(await world.keysLike(`${world.keys.limit('code_service')}*`))
test.beforeEach(forgetCount)

const guess = (email: string, code: string, at: Client = client) =>
  at.post('reset-password', { email, code, new_password: newPassword })

const aGuessed = () => userWithResetMail(world)

/** Wrong codes, five for each account. */
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

const levelsOf = async (words: RegExp) =>
  (await world.newLogs())
    .map(line => JSON.parse(line) as { level: string; msg: string })
    .filter(({ msg }) => words.test(msg))
    .map(({ level }) => level)

test('a code that alone opens an account has eight digits, one that confirms an address has six', async t => {
  const account = await aGuessed()
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

test('a reset code of six digits that an earlier version mailed → it still resets', async t => {
  const { email, userId } = await aGuessed()
  const hash = codeHash(deriveSecrets(testSecret).mail, userId, 'reset_password', '048213')
  await world.redis.hset(world.keys.proof(userId, 'reset_password'), 'code', hash)
  t.is((await guess(email, '048214')).status, 401)
  t.is((await guess(email, '048213')).status, 204)
})

test('as many wrong codes as the limit allows, over several accounts → every code is refused, and links work', async t => {
  const waiting = await aGuessed()
  const byLink = await aGuessed()
  const moving = await aGuessed()
  const moved = anEmail()
  const move = await requestEmailChangeMail(world, moving, moved)
  const { email, reset } = await aGuessed()
  const [wrong = ''] = wrongCodes(reset.code, 1)
  const before = bytesOf(await guess(email, wrong))
  await guessWrong(limit - 1)

  for (const at of [client, other.client]) {
    const right = await guess(waiting.email, waiting.reset.code, at)
    t.is(right.status, 401)
    t.deepEqual(bytesOf(right), before, 'in the words of a wrong code')
    t.deepEqual(bytesOf(await guess(anEmail(), '12345678', at)), before)
    const checked = { email: waiting.email, code: waiting.reset.code }
    t.is((await at.post('verify-reset-token', checked)).status, 401)
    const { verification } = waiting
    t.is((await at.post('verify-email', { email: waiting.email, code: verification.code })).status, 401)
    t.is((await at.post('confirm-email', { email: moved, code: move.code })).status, 401)
  }
  const { token } = byLink.reset
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  t.is((await client.post('verify-email', { token: byLink.verification.token })).status, 401, 'spent by it')
  t.is((await client.post('verify-email', { token: waiting.verification.token })).status, 200)
  t.is((await client.post('confirm-email', { token: move.token })).status, 200)

  await forgetCount()
  t.is((await guess(waiting.email, waiting.reset.code)).status, 204, 'the closed time cost no guess')
})

const bytesOf = ({ status, headers, text, body }: Reply) => {
  const own = new Set(['date', 'x-request-id', 'ratelimit'])
  return {
    status,
    headers: [...headers].filter(([name]) => !own.has(name)),
    text: text.replace(body.request_id, ''),
  }
}

test('closed codes → they open by themselves when the window ends', async t => {
  const { email, reset } = await userWithResetMail(short)
  const guessed = [await userWithResetMail(short), await userWithResetMail(short)]
  const wrong = guessed.flatMap(({ email, reset }) =>
    wrongCodes(reset.code, 5).map(code => guess(email, code, short.client)),
  )
  await Promise.all(wrong)
  t.true((await refused('closed', short)) > 0)
  await until(
    'the codes to be open again',
    async () => (await guess(email, reset.code, short.client)).status === 204,
  )
})

test('each wrong code is counted; a tenth of the limit is a warning in the log, the limit an error, once each', async t => {
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
  t.deepEqual(await levelsOf(/mailed codes/), [], 'what comes while they are closed writes no more lines')
})

test('right codes, and codes where none is live, are not counted with the wrong ones', async t => {
  const none = await refused('no_code')
  for (let i = 0; i < limit + 5; i++) t.is((await guess(anEmail(), '12345678')).status, 401)
  t.is((await refused('no_code')) - none, limit + 5)
  const used = await aGuessed()
  for (const wrong of wrongCodes(used.reset.code, limit + 5)) await guess(used.email, wrong)
  for (let i = 0; i < 3; i++) {
    const { email, reset } = await aGuessed()
    for (let again = 0; again < 4; again++)
      t.is((await client.post('verify-reset-token', { email, code: reset.code })).status, 200)
  }
  const { email, reset } = await aGuessed()
  t.is((await guess(email, reset.code)).status, 204)
})

test('wrong codes that come at once, on two instances → no more than the limit are compared', async t => {
  const accounts = await Promise.all(Array.from({ length: 8 }, aGuessed))
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

test('a guesser who asks for new codes again and again is counted on', async t => {
  const { email, reset } = await aGuessed()
  let mailed: MailedToken = reset
  for (let round = 0; round < 4; round++) {
    if (round > 0) mailed = await requestResetMail(world, email)
    for (const wrong of wrongCodes(mailed.code, 5)) await guess(email, wrong)
  }
  const honest = await aGuessed()
  t.is((await guess(honest.email, honest.reset.code)).status, 401)
})
