import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import {
  newPassword,
  requestEmailChangeMail,
  requestResetMail,
  userWithResetMail,
  wrongCodes,
} from './user-with-reset-mail.ts'

// Requesting a password reset: which emails are sent, and what an attacker can learn from the replies.

const test = anyTest.serial

const quietWorld = await openWorld({ worker: true })
const world = await openWorld({ worker: true })
const other = await world.instance()
anyTest.after.always(async () => {
  for (const each of [quietWorld, world]) await each[Symbol.asyncDispose]()
})

{
  const world = quietWorld
  const forgot = (email: unknown) => world.client.post('forgot-password', { email })
  const allSent = () =>
    until('every queued email to be sent or dropped', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
  const resetsTo = async (email: string) => {
    const rows = await world.sql<{ status: string }>(
      `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
      [email],
    )
    const mailed = (await world.mails.sentTo(email)).filter(
      ({ mail }) => mail.subject === 'Choose a new password',
    )
    return { rows: rows.map(({ status }) => status), mailed: mailed.length }
  }

  /** A reply without the headers that differ in every reply. */
  const comparable = ({ status, headers, text }: Reply) => ({
    status,
    text,
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  })

  test('reset requested for an active, deactivated, deleted, erased or unknown account → same reply', async t => {
    const known = await anAccount(world.client)
    const verified = await anAccount(world.client)
    const { link } = await world.mails.to(verified.email)
    await world.client.post('verify-email', { token: tokenOf(link) })
    const passwordless = await anAccount(world.client)
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [passwordless.userId])
    const inactive = await anAccount(world.client)
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [inactive.userId])
    const leaving = await anAccount(world.client)
    const { password, access: token } = leaving
    t.is((await world.client.send('DELETE', 'me', { body: { password }, token })).status, 204)
    const removed = await anAccount(world.client)
    const admin = await anAccount(world.client)
    await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const { body } = await world.client.post('login', { email: admin.email, password })
    await world.client.send('DELETE', 'me', { body: { password }, token: removed.access })
    const path = `/api/v1/admin/users/${removed.userId}`
    t.is((await world.client.send('DELETE', path, { token: body.access_token })).status, 204)
    const unknown = anEmail()
    await allSent()

    const open = [known.email, verified.email, passwordless.email]
    const closed = [inactive.email, removed.email, unknown]
    const answers = []
    for (const email of [...open, leaving.email, ...closed]) answers.push(comparable(await forgot(email)))
    t.is(answers[0]?.status, 202)
    t.is(answers[0]?.text, '')
    for (const answer of answers) t.deepEqual(answer, answers[0])

    await allSent()
    for (const email of open) t.deepEqual(await resetsTo(email), { rows: ['sent'], mailed: 1 })
    for (const email of closed) t.deepEqual(await resetsTo(email), { rows: ['dropped'], mailed: 0 })
    // A user who deleted their own account gets the undo link again instead of a reset link.
    t.deepEqual(await resetsTo(leaving.email), { rows: ['sent'], mailed: 0 })
    t.is((await world.mails.to(leaving.email, 2, 'undo-deletion')).to[0], leaving.email)
  })

  test('address in other case or with spaces → the reset email goes to the stored address only', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    t.is((await forgot(` ${email.toUpperCase()} `)).status, 202)
    const { to, mail } = await world.mails.to(email, 2)
    t.deepEqual(to, [email])
    t.deepEqual(
      mail.to?.map(({ address }) => address),
      [email],
    )
    t.is(mail.cc, undefined)
    t.is(mail.bcc, undefined)
  })

  test('requesting a reset → password, sessions and the verification link stay valid', async t => {
    const { email, password, access, refresh } = await anAccount(world.client)
    const { link } = await world.mails.to(email)
    await forgot(email)
    await world.mails.to(email, 2)
    t.is((await world.client.get('me', { token: access })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  })

  test('mail server rejects the email → forgot-password answers as before', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const before = comparable(await forgot(email))
    await world.mails.to(email, 2)
    t.teardown(() => world.mails.answer(null))
    await world.mails.answer(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
    t.deepEqual(comparable(await forgot(email)), before)
    t.deepEqual(comparable(await forgot(anEmail())), before)
    await allSent()
    t.deepEqual((await resetsTo(email)).rows.sort(), ['failed', 'sent'])
  })

  const victim = 'victim@example.com'
  const notOneAddress: unknown[] = [
    [victim, 'evil@example.com'],
    [victim],
    { 0: victim },
    `${victim},evil@example.com`,
    `${victim};evil@example.com`,
    `${victim} evil@example.com`,
    `"${victim} x"@evil.example`,
    `"evil@evil.example"@example.com`,
    `Victim <${victim}>`,
    `evil@evil.example(${victim})`,
    `${victim}\r\nBcc: evil@example.com`,
    `${victim}\n`,
    `${victim}\u0000`,
    `${victim}%0aBcc:evil@example.com`,
    'a@b@example.com',
    'victim＠example.com',
    'vıctim@example.com',
    'victim@localhost',
    null,
    '',
  ]

  test('email value that is not exactly one address → 400, and nothing is queued or sent', async t => {
    await anAccount(world.client, { email: victim })
    await world.mails.to(victim)
    const [before] = await world.sql('SELECT count(*) FROM emails')
    const mails = (await world.mails.all()).length
    for (const email of notOneAddress) {
      const reply = await forgot(email)
      t.is(reply.status, 400, JSON.stringify(email))
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
    for (const body of [{ email: victim, to: 'evil@example.com' }, [{ email: victim }], { emails: [victim] }])
      t.is((await world.client.post('forgot-password', body)).status, 400)
    t.deepEqual(await world.sql('SELECT count(*) FROM emails'), [before])
    t.is((await world.mails.all()).length, mails)
  })

  test('JSON body with the email field twice → at most one recipient, never a second address', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const reply = await world.client.post(
      'forgot-password',
      `{"email":"evil@example.net","email":"${email}"}`,
    )
    await allSent()
    const { rows, mailed } = await resetsTo(email)
    t.is(rows.length, mailed)
    t.is(mailed, reply.status === 202 ? 1 : 0)
    t.is((await world.mails.sentTo('evil@example.net')).length, 0)
  })
}

{
  const verifyToken = (presented: object) => world.client.post('verify-reset-token', presented)
  const hour = 3_600_000

  test('verify-reset-token → returns the expiry and does not consume the token or code', async t => {
    const { email, reset } = await userWithResetMail(world)
    const [row] = await world.sql<{ created_at: Date }>(
      `SELECT created_at FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
      [email],
    )
    const { token, code } = reset
    for (const presented of [
      { token },
      { email: email.toUpperCase(), code },
      { token },
      { token },
      { token },
    ]) {
      const { status, body } = await verifyToken(presented)
      t.is(status, 200)
      t.deepEqual(Object.keys(body).sort(), ['expires_at', 'valid'])
      t.true(body.valid)
      t.true(Math.abs(Date.parse(body.expires_at) - (row?.created_at.getTime() ?? 0) - hour) < 2000)
    }
    t.is((await other.client.post('verify-reset-token', { token })).status, 200)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
    t.is((await verifyToken({ token })).status, 401)
    t.is((await verifyToken({ email, code })).status, 401)
  })

  test('wrong codes at verify-reset-token → use up the guesses of the reset; the link still works', async t => {
    const { email, reset } = await userWithResetMail(world)
    const { token, code } = reset
    for (const wrong of wrongCodes(code, 5)) t.is((await verifyToken({ email, code: wrong })).status, 401)
    t.is((await verifyToken({ email, code })).status, 401)
    t.is((await world.client.post('reset-password', { email, code, new_password: newPassword })).status, 401)
    t.is((await verifyToken({ token })).status, 200)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
  })

  test('account deactivated after the reset email → its token is invalid until reactivation', async t => {
    const { userId, reset } = await userWithResetMail(world)
    const { token } = reset
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await verifyToken({ token })).status, 401)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 401)
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId])
    t.is((await verifyToken({ token })).status, 200, 'the rejected attempts did not consume it')
  })

  const comparable = ({ status, headers, text, body }: Reply) => ({
    status,
    text: text.replace(body.request_id, ''),
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  })

  test('wrong code, unknown address or no pending reset → identical replies', async t => {
    const { email, reset } = await userWithResetMail(world)
    const [wrong = ''] = wrongCodes(reset.code, 1)
    const known = comparable(await verifyToken({ email, code: wrong }))
    t.is(known.status, 401)
    t.deepEqual(comparable(await verifyToken({ email: anEmail(), code: wrong })), known)
    t.deepEqual(comparable(await verifyToken({ token: `lkp_${'A'.repeat(64)}` })), known)
    const withoutToken = await userWithResetMail(world)
    await world.redis.del(world.keys.oneTimeToken(withoutToken.userId, 'reset_password'))
    t.deepEqual(
      comparable(await verifyToken({ email: withoutToken.email, code: withoutToken.reset.code })),
      known,
    )
  })

  for (const path of ['verify-reset-token', 'reset-password'])
    test(`${path} with neither or a mixture of token and address with code → 400`, async t => {
      const { email, reset } = await userWithResetMail(world)
      const { token, code } = reset
      const rest = path === 'reset-password' ? { new_password: newPassword } : {}
      const mixtures = [
        {},
        { email },
        { code },
        { token, code },
        { token, email },
        { token, email, code },
        { token: [token] },
        { token: { $ne: '' } },
        { token: null },
        { email: [email], code },
        { email, code: Number(code) },
        { email, code: [code] },
        { token, userId: 'x' },
      ]
      for (const mixture of mixtures) {
        const reply = await world.client.post(path, { ...mixture, ...rest })
        t.is(reply.status, 400)
        t.is(reply.body.code, 'VALIDATION_ERROR')
      }
      t.is((await verifyToken({ token })).status, 200)
    })
}

test('newer reset email → link and code of the older one are dead', async t => {
  const { email, reset: older } = await userWithResetMail(world)
  const newer = await requestResetMail(world, email)
  t.not(newer.token, older.token)
  for (const presented of [{ token: older.token }, { email, code: older.code }]) {
    t.is((await world.client.post('verify-reset-token', presented)).status, 401)
    const reply = await world.client.post('reset-password', { ...presented, new_password: newPassword })
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_TOKEN')
  }
  const reply = await world.client.post('reset-password', { token: newer.token, new_password: newPassword })
  t.is(reply.status, 204)
})

test('password forgotten again after a reset → the next reset email works', async t => {
  const { email, reset } = await userWithResetMail(world)
  t.is(
    (await world.client.post('reset-password', { token: reset.token, new_password: newPassword })).status,
    204,
  )
  await world.mails.to(email, 3)
  const { code } = await requestResetMail(world, email)
  const secondPassword = 'one more phrase 4'
  t.is((await world.client.post('reset-password', { email, code, new_password: secondPassword })).status, 204)
  t.is((await world.client.post('login', { email, password: secondPassword })).status, 200)
})

test('reset email → states its lifetime, has link and code in both parts, and no account data in the link', async t => {
  const { email, userId, reset } = await userWithResetMail(world)
  const { mail, link } = reset.caught
  t.is(mail.subject, 'Choose a new password')
  t.is(link.split('?')[0], 'http://latchkey.test/api/v1/auth/reset-password')
  t.regex(reset.token, /^lkp_[\w-]{64}$/)
  t.true(mail.html?.includes(link.replaceAll('&', '&amp;')))
  t.regex(mail.html ?? '', new RegExp(`>\\s*${reset.code}\\s*<`))
  t.regex(mail.text ?? '', /1 hour|60 minutes/)
  for (const word of [userId, email]) t.false(link.includes(word))
})

{
  // A mailed token works only at the routes of its own purpose (OWASP ASVS 6.4.1).

  const bodies = {
    'verify-email': {},
    'verify-reset-token': {},
    'reset-password': { new_password: newPassword },
    'confirm-email': {},
    'undo-email-change': {},
    'undo-deletion': {},
  }
  type Path = keyof typeof bodies
  const at = (path: Path, presented: object) => world.client.post(path, { ...presented, ...bodies[path] })
  const allBut = (...own: Path[]) => (Object.keys(bodies) as Path[]).filter(path => !own.includes(path))
  const resets: Path[] = ['verify-reset-token', 'reset-password']

  test('verification, reset and email-change tokens → rejected by the routes of other purposes', async t => {
    const account = await userWithResetMail(world)
    const move = await requestEmailChangeMail(world, account, `new-${account.email}`)
    const { verification, reset } = account
    const tokens: [string, Path[]][] = [
      [verification.token, ['verify-email']],
      [reset.token, resets],
      [move.token, ['confirm-email']],
    ]
    for (const [token, own] of tokens)
      for (const path of allBut(...own)) {
        const reply = await at(path, { token })
        t.is(reply.status, 401, `${own[0]} at ${path}`)
        t.is(reply.body.code, 'INVALID_TOKEN')
      }
    t.is((await at('verify-email', { token: verification.token })).status, 200)
    t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
    t.is((await at('confirm-email', { token: move.token })).status, 200)
  })

  test('verification, reset and email-change codes → rejected by the routes of other purposes', async t => {
    const account = await userWithResetMail(world)
    const { email } = account
    const newEmail = `new-${email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    const [verifying, resetting, moving] = [account.verification.code, account.reset.code, move.code]
    for (const path of resets)
      for (const code of [verifying, moving]) t.is((await at(path, { email, code })).status, 401)
    t.is((await at('reset-password', { email: newEmail, code: moving })).status, 401)
    for (const code of [resetting, moving]) t.is((await at('verify-email', { email, code })).status, 401)
    for (const code of [resetting, verifying])
      for (const address of [email, newEmail])
        t.is((await at('confirm-email', { email: address, code })).status, 401)

    t.is((await at('verify-email', { email, code: verifying })).status, 200)
    t.is((await at('reset-password', { email, code: resetting })).status, 204)
  })

  test('undo link of an email change or a deletion → cannot reset a password', async t => {
    const account = await userWithResetMail(world)
    const { client } = world
    await client.post('verify-email', { token: account.verification.token })
    await world.mails.to(account.email, 3)
    const newEmail = `new-${account.email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    t.is((await at('confirm-email', { token: move.token })).status, 200)
    const undo = tokenOf((await world.mails.to(account.email, 4)).link)
    const reset = await requestResetMail(world, newEmail)
    for (const path of allBut('undo-email-change')) t.is((await at(path, { token: undo })).status, 401, path)
    for (const path of allBut(...resets)) t.is((await at(path, { token: reset.token })).status, 401, path)

    const { body: session } = await client.post('login', { email: newEmail, password: account.password })
    const { access_token: token } = session
    const { status } = await client.send('DELETE', 'me', { body: { password: account.password }, token })
    t.is(status, 204)
    const keep = tokenOf((await world.mails.to(newEmail, 3)).link)
    for (const path of allBut('undo-deletion')) t.is((await at(path, { token: keep })).status, 401, path)
    t.is((await at('undo-deletion', { token: keep })).status, 204)
    t.is((await at('undo-email-change', { token: undo })).status, 200)
  })

  test('session tokens cannot reset a password, and a reset token is no session token', async t => {
    const { access, refresh, reset } = await userWithResetMail(world)
    for (const token of [access, refresh, refresh.replace('lkr_', 'lkp_')])
      for (const path of resets) t.is((await at(path, { token })).status, 401)
    t.is((await world.client.get('me', { token: reset.token })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token: reset.token })).status, 401)
    t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
  })
}

{
  // A short code alone opens an account. So a code allows five guesses, and an account twenty a day over all its codes.

  const guess = (email: string, code: string, at = world.client) =>
    at.post('reset-password', { email, code, new_password: newPassword })

  test('four wrong guesses → the right code still works', async t => {
    const { email, reset } = await userWithResetMail(world)
    for (const wrong of wrongCodes(reset.code, 4)) t.is((await guess(email, wrong)).status, 401)
    t.is((await guess(email, reset.code)).status, 204)
  })

  test('20 simultaneous guesses at two instances → counted together; the code is dead, the link works', async t => {
    const { email, password, reset } = await userWithResetMail(world)
    const replies = await Promise.all(
      wrongCodes(reset.code, 20).map((wrong, i) => guess(email, wrong, (i % 2 ? world : other).client)),
    )
    t.true(replies.every(({ status }) => status === 401))
    t.is((await guess(email, reset.code)).status, 401)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is(
      (await world.client.post('reset-password', { token: reset.token, new_password: newPassword })).status,
      204,
    )
  })

  test('right code, sent 30 times after five wrong guesses → 401 each time', async t => {
    const { email, password, reset } = await userWithResetMail(world)
    for (const wrong of wrongCodes(reset.code, 5)) await guess(email, wrong)
    const late = await Promise.all(Array.from({ length: 30 }, () => guess(email, reset.code)))
    t.true(late.every(({ status }) => status === 401))
    t.is((await world.client.post('login', { email, password })).status, 200)
  })

  test('20 wrong guesses in a day over several codes → new codes are rejected, the link works', async t => {
    const { email, userId, password, reset } = await userWithResetMail(world)
    let mailed = reset
    for (let round = 0; round < 4; round++) {
      if (round > 0) mailed = await requestResetMail(world, email)
      for (const wrong of wrongCodes(mailed.code, 5)) t.is((await guess(email, wrong)).status, 401)
    }
    mailed = await requestResetMail(world, email)
    t.is((await guess(email, mailed.code)).status, 401, 'guess 21 is rejected although the code is right')
    t.is(
      (await world.client.post('verify-reset-token', { email, code: mailed.code })).status,
      401,
      'verify-reset-token counts as a guess too',
    )
    t.is((await world.client.post('login', { email, password })).status, 200)

    const left = await world.redis.pttl(world.keys.guesses(userId, 'reset_password'))
    t.true(left > 86_400_000 - 60_000 && left <= 86_400_000, 'the guesses are available again after a day')
    const { token } = mailed
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
  })

  test('wrong guesses at one account → do not count for another account', async t => {
    const [mine, yours] = [await userWithResetMail(world), await userWithResetMail(world)]
    for (const wrong of wrongCodes(mine.reset.code, 5)) await guess(mine.email, wrong)
    t.is((await guess(mine.email, yours.reset.code)).status, 401)
    t.is((await guess(yours.email, yours.reset.code)).status, 204)
  })
}
