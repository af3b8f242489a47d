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

// A forgotten password: what is mailed, and what a stranger learns.

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
  const settled = () =>
    until('every mail to be settled', async () => {
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

  /** All of a reply but what no two replies share. */
  const shown = ({ status, headers, text }: Reply) => ({
    status,
    text,
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  })

  test('an open, a deactivated, a self-deleted, an erased and an unknown account → the same answer', async t => {
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
    const nobody = anEmail()
    await settled()

    const open = [known.email, verified.email, passwordless.email]
    const closed = [inactive.email, removed.email, nobody]
    const answers = []
    for (const email of [...open, leaving.email, ...closed]) answers.push(shown(await forgot(email)))
    t.is(answers[0]?.status, 202)
    t.is(answers[0]?.text, '')
    for (const answer of answers) t.deepEqual(answer, answers[0])

    await settled()
    for (const email of open) t.deepEqual(await resetsTo(email), { rows: ['sent'], mailed: 1 })
    for (const email of closed) t.deepEqual(await resetsTo(email), { rows: ['dropped'], mailed: 0 })
    // Whoever has deleted their own account gets the link again that undoes it, and no reset.
    t.deepEqual(await resetsTo(leaving.email), { rows: ['sent'], mailed: 0 })
    t.is((await world.mails.to(leaving.email, 2, 'undo-deletion')).to[0], leaving.email)
  })

  test('the mail goes to the stored address, however it was written', async t => {
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

  test('asking does nothing to the account: password, sessions and the verification link stand', async t => {
    const { email, password, access, refresh } = await anAccount(world.client)
    const { link } = await world.mails.to(email)
    await forgot(email)
    await world.mails.to(email, 2)
    t.is((await world.client.get('me', { token: access })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  })

  test('a mail server that refuses changes nothing of the answer', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const before = shown(await forgot(email))
    await world.mails.to(email, 2)
    t.teardown(() => world.mails.answer(null))
    await world.mails.answer(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
    t.deepEqual(shown(await forgot(email)), before)
    t.deepEqual(shown(await forgot(anEmail())), before)
    await settled()
    t.deepEqual((await resetsTo(email)).rows.sort(), ['failed', 'sent'])
  })

  const target = 'victim@example.com'
  const several: unknown[] = [
    [target, 'evil@example.com'],
    [target],
    { 0: target },
    `${target},evil@example.com`,
    `${target};evil@example.com`,
    `${target} evil@example.com`,
    `"${target} x"@evil.example`,
    `"evil@evil.example"@example.com`,
    `Victim <${target}>`,
    `evil@evil.example(${target})`,
    `${target}\r\nBcc: evil@example.com`,
    `${target}\n`,
    `${target}\u0000`,
    `${target}%0aBcc:evil@example.com`,
    'a@b@example.com',
    'victim＠example.com',
    'vıctim@example.com',
    'victim@localhost',
    null,
    '',
  ]

  test('what is not one address is refused, owes nothing and mails nobody', async t => {
    await anAccount(world.client, { email: target })
    await world.mails.to(target)
    const [before] = await world.sql('SELECT count(*) FROM emails')
    const mails = (await world.mails.all()).length
    for (const email of several) {
      const reply = await forgot(email)
      t.is(reply.status, 400, JSON.stringify(email))
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
    for (const body of [{ email: target, to: 'evil@example.com' }, [{ email: target }], { emails: [target] }])
      t.is((await world.client.post('forgot-password', body)).status, 400)
    t.deepEqual(await world.sql('SELECT count(*) FROM emails'), [before])
    t.is((await world.mails.all()).length, mails)
  })

  test('of two names for one field neither slips a second address in', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const reply = await world.client.post(
      'forgot-password',
      `{"email":"evil@example.net","email":"${email}"}`,
    )
    await settled()
    const { rows, mailed } = await resetsTo(email)
    t.is(rows.length, mailed)
    t.is(mailed, reply.status === 202 ? 1 : 0)
    t.is((await world.mails.sentTo('evil@example.net')).length, 0)
  })
}

{
  const check = (presented: object) => world.client.post('verify-reset-token', presented)
  const hour = 3_600_000

  test('asking whether a token or a code would do says until when, and spends neither', async t => {
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
      const { status, body } = await check(presented)
      t.is(status, 200)
      t.deepEqual(Object.keys(body).sort(), ['expires_at', 'valid'])
      t.true(body.valid)
      t.true(Math.abs(Date.parse(body.expires_at) - (row?.created_at.getTime() ?? 0) - hour) < 2000)
    }
    t.is((await other.client.post('verify-reset-token', { token })).status, 200)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
    t.is((await check({ token })).status, 401)
    t.is((await check({ email, code })).status, 401)
  })

  test('asking by wrong codes costs the guesses of the reset itself, and leaves the link alone', async t => {
    const { email, reset } = await userWithResetMail(world)
    const { token, code } = reset
    for (const wrong of wrongCodes(code, 5)) t.is((await check({ email, code: wrong })).status, 401)
    t.is((await check({ email, code })).status, 401)
    t.is((await world.client.post('reset-password', { email, code, new_password: newPassword })).status, 401)
    t.is((await check({ token })).status, 200)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
  })

  test('an account that was closed since the mail has no token that would do', async t => {
    const { userId, reset } = await userWithResetMail(world)
    const { token } = reset
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await check({ token })).status, 401)
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 401)
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [userId])
    t.is((await check({ token })).status, 200, 'and it was not spent')
  })

  const shown = ({ status, headers, text, body }: Reply) => ({
    status,
    text: text.replace(body.request_id, ''),
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  })

  test('a wrong code, an address that nobody has and one that asked for nothing are answered alike', async t => {
    const { email, reset } = await userWithResetMail(world)
    const [wrong = ''] = wrongCodes(reset.code, 1)
    const known = shown(await check({ email, code: wrong }))
    t.is(known.status, 401)
    t.deepEqual(shown(await check({ email: anEmail(), code: wrong })), known)
    t.deepEqual(shown(await check({ token: `lkp_${'A'.repeat(64)}` })), known)
    const forgotten = await userWithResetMail(world)
    await world.redis.del(world.keys.proof(forgotten.userId, 'reset_password'))
    t.deepEqual(shown(await check({ email: forgotten.email, code: forgotten.reset.code })), known)
  })

  for (const path of ['verify-reset-token', 'reset-password'])
    test(`${path} takes a token, or an address and a code, and no mixture`, async t => {
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
      t.is((await check({ token })).status, 200)
    })
}

test('the link and the code of an older reset mail die when a newer one is sent', async t => {
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

test('after a reset the next forgotten password gets a mail that works', async t => {
  const { email, reset } = await userWithResetMail(world)
  t.is(
    (await world.client.post('reset-password', { token: reset.token, new_password: newPassword })).status,
    204,
  )
  await world.mails.to(email, 3)
  const { code } = await requestResetMail(world, email)
  const once = 'one more phrase 4'
  t.is((await world.client.post('reset-password', { email, code, new_password: once })).status, 204)
  t.is((await world.client.post('login', { email, password: once })).status, 200)
})

test('the mail says how long the link lives, holds link and code in both parts, and no word of the account', async t => {
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
  // A mailed token opens the one door that its mail spoke of (OWASP ASVS 6.4.1).

  const doors = {
    'verify-email': {},
    'verify-reset-token': {},
    'reset-password': { new_password: newPassword },
    'confirm-email': {},
    'undo-email-change': {},
    'undo-deletion': {},
  }
  type Door = keyof typeof doors
  const at = (door: Door, presented: object) => world.client.post(door, { ...presented, ...doors[door] })
  const allBut = (...own: Door[]) => (Object.keys(doors) as Door[]).filter(door => !own.includes(door))
  const resets: Door[] = ['verify-reset-token', 'reset-password']

  test('tokens for a verification, a reset and a move open no other door, and their own afterwards', async t => {
    const account = await userWithResetMail(world)
    const move = await requestEmailChangeMail(world, account, `new-${account.email}`)
    const { verification, reset } = account
    const tokens: [string, Door[]][] = [
      [verification.token, ['verify-email']],
      [reset.token, resets],
      [move.token, ['confirm-email']],
    ]
    for (const [token, own] of tokens)
      for (const door of allBut(...own)) {
        const reply = await at(door, { token })
        t.is(reply.status, 401, `${own[0]} at ${door}`)
        t.is(reply.body.code, 'INVALID_TOKEN')
      }
    t.is((await at('verify-email', { token: verification.token })).status, 200)
    t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
    t.is((await at('confirm-email', { token: move.token })).status, 200)
  })

  test('codes open no other door either', async t => {
    const account = await userWithResetMail(world)
    const { email } = account
    const newEmail = `new-${email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    const [verifying, resetting, moving] = [account.verification.code, account.reset.code, move.code]
    for (const door of resets)
      for (const code of [verifying, moving]) t.is((await at(door, { email, code })).status, 401)
    t.is((await at('reset-password', { email: newEmail, code: moving })).status, 401)
    for (const code of [resetting, moving]) t.is((await at('verify-email', { email, code })).status, 401)
    for (const code of [resetting, verifying])
      for (const address of [email, newEmail])
        t.is((await at('confirm-email', { email: address, code })).status, 401)

    t.is((await at('verify-email', { email, code: verifying })).status, 200)
    t.is((await at('reset-password', { email, code: resetting })).status, 204)
  })

  test('a link that undoes a move, and one that undoes a deletion, reset nothing', async t => {
    const account = await userWithResetMail(world)
    const { client } = world
    await client.post('verify-email', { token: account.verification.token })
    await world.mails.to(account.email, 3)
    const newEmail = `new-${account.email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    t.is((await at('confirm-email', { token: move.token })).status, 200)
    const undo = tokenOf((await world.mails.to(account.email, 4)).link)
    const reset = await requestResetMail(world, newEmail)
    for (const door of allBut('undo-email-change')) t.is((await at(door, { token: undo })).status, 401, door)
    for (const door of allBut(...resets)) t.is((await at(door, { token: reset.token })).status, 401, door)

    const { body: session } = await client.post('login', { email: newEmail, password: account.password })
    const { access_token: token } = session
    const { status } = await client.send('DELETE', 'me', { body: { password: account.password }, token })
    t.is(status, 204)
    const keep = tokenOf((await world.mails.to(newEmail, 3)).link)
    for (const door of allBut('undo-deletion')) t.is((await at(door, { token: keep })).status, 401, door)
    t.is((await at('undo-deletion', { token: keep })).status, 204)
    t.is((await at('undo-email-change', { token: undo })).status, 200)
  })

  test('tokens of sessions reset nothing, and a reset token is no session', async t => {
    const { access, refresh, reset } = await userWithResetMail(world)
    for (const token of [access, refresh, refresh.replace('lkr_', 'lkp_')])
      for (const door of resets) t.is((await at(door, { token })).status, 401)
    t.is((await world.client.get('me', { token: reset.token })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token: reset.token })).status, 401)
    t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
  })
}

{
  // Six digits open an account: five guesses at a code, and twenty a day however many codes are asked for.

  const guess = (email: string, code: string, at = world.client) =>
    at.post('reset-password', { email, code, new_password: newPassword })

  test('after four wrong guesses the right code is still good', async t => {
    const { email, reset } = await userWithResetMail(world)
    for (const wrong of wrongCodes(reset.code, 4)) t.is((await guess(email, wrong)).status, 401)
    t.is((await guess(email, reset.code)).status, 204)
  })

  test('twenty guesses at once at two instances are counted together, and close the code but not the link', async t => {
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

  test('of a hundred right guesses that come too late none opens', async t => {
    const { email, password, reset } = await userWithResetMail(world)
    for (const wrong of wrongCodes(reset.code, 5)) await guess(email, wrong)
    const late = await Promise.all(Array.from({ length: 30 }, () => guess(email, reset.code)))
    t.true(late.every(({ status }) => status === 401))
    t.is((await world.client.post('login', { email, password })).status, 200)
  })

  test('new codes bring no new guesses without end: twenty a day, then the link alone works', async t => {
    const { email, userId, password, reset } = await userWithResetMail(world)
    let mailed = reset
    for (let round = 0; round < 4; round++) {
      if (round > 0) mailed = await requestResetMail(world, email)
      for (const wrong of wrongCodes(mailed.code, 5)) t.is((await guess(email, wrong)).status, 401)
    }
    mailed = await requestResetMail(world, email)
    t.is((await guess(email, mailed.code)).status, 401, 'the twenty-first guess, and the right one')
    t.is(
      (await world.client.post('verify-reset-token', { email, code: mailed.code })).status,
      401,
      'asking is a guess too',
    )
    t.is((await world.client.post('login', { email, password })).status, 200)

    const left = await world.redis.pttl(world.keys.guesses(userId, 'reset_password'))
    t.true(left > 86_400_000 - 60_000 && left <= 86_400_000, 'and tomorrow there are new ones')
    const { token } = mailed
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
  })

  test('guesses at one account cost another none', async t => {
    const [mine, yours] = [await userWithResetMail(world), await userWithResetMail(world)]
    for (const wrong of wrongCodes(mine.reset.code, 5)) await guess(mine.email, wrong)
    t.is((await guess(mine.email, yours.reset.code)).status, 401)
    t.is((await guess(yours.email, yours.reset.code)).status, 204)
  })
}
