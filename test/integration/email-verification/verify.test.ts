import { request } from 'node:http'
import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import type { MacKey } from '../../../src/platform/crypto/derive.ts'
import { emailSecrets } from '../../../src/platform/crypto/one-time-token.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import { pagePolicy } from '../../../src/platform/pages/page-policy.ts'
import type { Client, Reply } from '../../client.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import type { CaughtEmail } from '../../mail-sink.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { testSecret } from '../../template.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { changeEmail } from '../email-change/change-email.ts'

// Email verification: works once, needs a button, repeats its reply, and reveals nothing to scanners or attackers.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
const registerSendsOneMailWorld = await openWorld({
  worker: true,
  env: { MAIL_FROM: 'Latchkey <no-reply@mail.example>' },
})
anyTest.after.always(async () => {
  for (const each of [world, registerSendsOneMailWorld]) await each[Symbol.asyncDispose]()
})

{
  // Mail scanners and previews open every link, so opening a link must change nothing.

  const mailedAccount = async () => {
    const account = await anAccount(world.client)
    const { link } = await world.mails.to(account.email)
    return { ...account, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
  }
  const isVerified = async (access: string): Promise<boolean> =>
    (await world.client.get('me', { token: access })).body.email_verified

  /** Submits the form of a page as a browser does. */
  const submitForm = (client: Client, page: string) => {
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? []
    const [, token = ''] = /name="token" value="([^"]*)"/.exec(page) ?? []
    return client.send('POST', `/api/v1/auth/${action}`, {
      body: new URLSearchParams({ token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  }

  test('verification page: GET and HEAD change nothing; the button verifies, also if submitted twice', async t => {
    const { path, access } = await mailedAccount()
    for (const method of ['GET', 'GET', 'HEAD', 'GET']) {
      const { status, text } = await world.client.send(method, path)
      t.is(status, 200)
      t.is(text === '', method === 'HEAD')
    }
    t.false(await isVerified(access))

    const { text } = await world.client.get(path)
    const submitted = await submitForm(world.client, text)
    t.is(submitted.status, 303)
    const location = submitted.headers.get('location') ?? ''
    t.is(location, 'http://latchkey.test/api/v1/auth/email-verified?lang=en')
    t.true(await isVerified(access))
    const done = await world.client.get(location.slice('http://latchkey.test'.length))
    t.is(done.status, 200)
    t.regex(done.text, /Your address is confirmed/)

    const secondTime = await submitForm(world.client, text)
    t.is(secondTime.status, 303)
    const already = secondTime.headers.get('location') ?? ''
    t.is(already, 'http://latchkey.test/api/v1/auth/email-verified?lang=en&again=1')
    const { status, text: alreadyPage } = await world.client.get(already.slice('http://latchkey.test'.length))
    t.is(status, 200)
    t.regex(alreadyPage, /Your address is already confirmed/)
  })

  test('verification pages → not cached, not framed, no referrer, no scripts', async t => {
    const { path } = await mailedAccount()
    const page = await world.client.get(path)
    const pages = [
      page,
      await submitForm(world.client, page.text.replace(/value="[^"]*"/, 'value="lkp_x"')),
      await world.client.get('email-verified'),
    ]
    t.deepEqual(
      pages.map(({ status }) => status),
      [200, 401, 200],
    )
    for (const { headers, text } of pages) {
      t.is(headers.get('cache-control'), 'no-store')
      t.is(headers.get('referrer-policy'), 'no-referrer')
      t.is(headers.get('x-content-type-options'), 'nosniff')
      const csp = headers.get('content-security-policy')
      t.is(csp, pagePolicy({ config: { FRONTEND_URL: undefined }, theme: plainTheme, script: null }))
      t.notRegex(text, /<script|<img|<link|src=|href=|onclick/)
    }
  })

  test('form with another content type or other fields → rejected, and the token is not consumed', async t => {
    const { path, token, access } = await mailedAccount()
    const send = (type: string, body: string) =>
      world.client.send('POST', 'verify-email/confirm', { body, headers: { 'content-type': type } })
    t.is((await send('text/plain', `token=${token}`)).status, 415)
    t.is((await send('application/json', JSON.stringify({ token }))).status, 415)
    t.is((await send('multipart/form-data; boundary=x', `token=${token}`)).status, 415)
    t.is((await send('application/x-www-form-urlencoded', `token=${token}&role=admin`)).status, 400)
    t.is((await send('application/x-www-form-urlencoded', `token=a&token=${token}`)).status, 401)
    t.is((await send('application/x-www-form-urlencoded', `token[]=${token}`)).status, 401)
    t.is((await send('application/x-www-form-urlencoded', '')).status, 401)
    t.false(await isVerified(access))
    t.is((await submitForm(world.client, (await world.client.get(path)).text)).status, 303)
  })

  const hostile: [string, string][] = [
    ['markup as a token', `token=${encodeURIComponent('"><script>alert(1)</script>')}`],
    ['markup as a language', `token=x&lang=${encodeURIComponent('"><script>alert(1)</script>')}`],
    ['an attribute injection', `token=x&lang=${encodeURIComponent('en" formaction="https://evil.example')}`],
    ['a template placeholder', `token=${encodeURIComponent('{{action}}')}&lang={{t.locale}}`],
    ['__proto__ as a language', 'token=x&lang=__proto__'],
    ['constructor as a language', 'token=x&lang=constructor'],
    ['a path as a language', 'token=x&lang=../../../etc/passwd%00'],
    ['__proto__ as a name', '__proto__=x&__proto__[token]=y&constructor[prototype][token]=z'],
    ['a token twice', 'token=lkp_a&token=lkp_b'],
    ['a token as a list', 'token[]=a&token[b]=c&lang[]=es'],
    ['a language twice', 'token=x&lang=es&lang=ar'],
    ['10 kB of token', `token=${'A'.repeat(10_000)}`],
    ['10 kB of language', `token=x&lang=${'a-'.repeat(5000)}`],
    ['bytes that are not UTF-8', 'token=%ff%fe%00&lang=%c0%ae'],
    ['a broken escape', 'token=%&lang=%zz'],
    ['line breaks', 'token=a%0d%0aSet-Cookie:%20x=y&lang=en%0d%0aX-Evil:%201'],
    ['no token', ''],
  ]
  for (const [name, query] of hostile)
    test(`link with ${name} → a sanitized page with one form`, async t => {
      const page = await world.client.get(`verify-email?${query}`)
      t.is(page.status, 200)
      t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
      t.is(page.text.match(/<form /g)?.length, 1)
      t.is(page.text.match(/<input /g)?.length, 1)
      t.notRegex(page.text, /<script|evil\.example"|\{\{t\./)
      t.regex(page.text, /action="verify-email\/confirm\?lang=(en|es|ar)"/)
      t.is(page.headers.get('set-cookie'), null)
      t.is(page.headers.get('x-evil'), null)
      t.regex(page.text, /name="token" value="[^"<>]*"/)
      const submitted = await submitForm(world.client, page.text)
      t.is(submitted.status, 401)
    })

  for (const query of [
    'lang=__proto__',
    'lang[]=x',
    'lang=%0d%0aX-Evil:1',
    `lang=${'x'.repeat(9000)}`,
    'again[]=1',
  ])
    test(`other pages with query ${query.slice(0, 30)} → no 5xx and no injected header`, async t => {
      t.is((await world.client.get(`email-verified?${query}`)).status, 200)
      const body = 'token=lkp_x'
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const submitted = await world.client.send('POST', `verify-email/confirm?${query}`, { body, headers })
      t.is(submitted.status, 401)
      t.is(submitted.headers.get('x-evil'), null)
    })
}

{
  // A link or a code verifies once. While the address is verified by it, a repeated request gets the same reply: after a
  // lost reply, for a second click or the code after the link, in parallel, and at two instances.

  const mailedAccount = async () => {
    const account = await anAccount(world.client)
    const { link, code } = await world.mails.to(account.email)
    return { ...account, token: tokenOf(link), code }
  }
  const mailsTo = (email: string) =>
    world.sql<{ kind: string; status: string }>(
      'SELECT kind, status FROM emails WHERE recipient = $1 ORDER BY id',
      [email],
    )
  const verifications = (userId: string) =>
    world.sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'user.email_verified'`, [userId])
  const allSent = (email: string, count: number) =>
    until(`${count} mails sent to ${email}`, async () => {
      const rows = await mailsTo(email)
      return rows.length === count && rows.every(({ status }) => status === 'sent') && rows
    })

  test('token of the link → verifies the address and sends a welcome', async t => {
    const { email, access, token } = await mailedAccount()
    t.false((await world.client.get('me', { token: access })).body.email_verified)
    const reply = await world.client.post('verify-email', { token })
    t.is(reply.status, 200)
    t.deepEqual(reply.body, { email, email_verified: true })
    t.true((await world.client.get('me', { token: access })).body.email_verified)

    const { mail, to } = await world.mails.to(email, 2)
    t.is(mail.subject, 'Welcome to Latchkey')
    t.deepEqual(to, [email])
    t.deepEqual(
      (await allSent(email, 2)).map(({ kind }) => kind),
      ['verify_email', 'welcome'],
    )
  })

  test('address in any case with its code → verifies the address and sends a welcome', async t => {
    const { email, access, code } = await mailedAccount()
    const reply = await world.client.post('verify-email', { email: email.toUpperCase(), code })
    t.is(reply.status, 200)
    t.deepEqual(reply.body, { email, email_verified: true })
    t.true((await world.client.get('me', { token: access })).body.email_verified)
    t.is((await world.mails.to(email, 2)).mail.subject, 'Welcome to Latchkey')
  })

  for (const [first, second] of [
    ['token', 'token'],
    ['token', 'code'],
    ['code', 'token'],
    ['code', 'code'],
  ] as const)
    test(`${second} after the ${first} of the same email → same reply, one event, one welcome`, async t => {
      const { email, userId, token, code } = await mailedAccount()
      const bodies = { token: { token }, code: { email, code } }
      const done = await world.client.post('verify-email', bodies[first])
      t.is(done.status, 200)
      const again = await other.client.post('verify-email', bodies[second])
      t.is(again.status, 200)
      t.is(again.text, done.text)
      t.is(again.headers.get('set-cookie'), null)
      t.is((await allSent(email, 2)).length, 2, 'one welcome')
      t.is((await verifications(userId)).length, 1)
    })

  // A code allows five guesses, and a right guess counts too.
  for (const [way, byCode, succeed] of [
    ['by token', () => false, 40],
    ['by code', () => true, 5],
    ['by link and code', i => i % 4 > 1, 25],
  ] as [string, (i: number) => boolean, number][])
    test(`40 simultaneous verifications ${way} at two instances → ${succeed} succeed, one event, one welcome`, async t => {
      const { email, userId, token, code } = await mailedAccount()
      const requests = times(40, i => ({
        path: 'verify-email',
        body: byCode(i) ? { email, code } : { token },
      }))
      const replies = await sendSimultaneously([world.url, other.url], requests)
      const refused = 40 - succeed
      t.deepEqual(statusesOf(replies), { 200: succeed, ...(refused && { 401: refused }) })
      for (const { status, body } of replies)
        if (status === 200) t.deepEqual(body, { email, email_verified: true })
        else t.is(body.code, 'INVALID_TOKEN')
      t.is((await allSent(email, 2)).length, 2)
      t.is((await world.mails.sentTo(email)).length, 2)
      t.is((await verifications(userId)).length, 1)
    })

  test('used link after the address changed, and after it changed back → 401', async t => {
    const account = await mailedAccount()
    const { email, token, access } = account
    const verify = (at = world.client) => at.post('verify-email', { token })
    t.is((await verify()).status, 200)
    const there = anEmail()
    await changeEmail(world, account, there)
    t.is((await verify()).body.code, 'INVALID_TOKEN')
    await changeEmail(world, account, email)
    t.like((await world.client.get('me', { token: access })).body, { email, email_verified: true })
    t.is((await verify()).body.code, 'INVALID_TOKEN', 'the address is confirmed by another email now')
  })

  test('used link after the address became unverified or the account was closed → 401', async t => {
    for (const change of ['email_verified = false', 'is_active = false', 'erase_after = now()']) {
      const { userId, token } = await mailedAccount()
      t.is((await world.client.post('verify-email', { token })).status, 200)
      await world.sql(`UPDATE users SET ${change} WHERE id = $1`, [userId])
      const again = await other.client.post('verify-email', { token })
      t.is(again.status, 401, change)
      t.is(again.body.code, 'INVALID_TOKEN', change)
    }
  })

  test('used link after Redis lost its token and the password changed → 200 again', async t => {
    const { userId, token, access } = await mailedAccount()
    t.is((await world.client.post('verify-email', { token })).status, 200)
    await world.redis.del(world.keys.oneTimeToken(userId, 'verify_email'))
    const body = { current_password: password, new_password: 'another horse 10' }
    t.is((await world.client.post('change-password', body, { token: access })).status, 200)
    t.is((await world.client.post('verify-email', { token })).status, 200)
  })

  test('used link → 200 again until it would have expired, then 401', async t => {
    t.teardown(() => world.travel(0))
    const { token } = await mailedAccount()
    t.is((await world.client.post('verify-email', { token })).status, 200)
    await world.travel(24 * 3_600_000 - 60_000)
    t.is((await world.client.post('verify-email', { token })).status, 200)
    await world.travel(24 * 3_600_000 + 1000)
    t.is((await world.client.post('verify-email', { token })).status, 401)
  })

  test('new email requested during verification → verified once, by either email', async t => {
    for (let round = 0; round < 4; round++) {
      const { email, access, token } = await mailedAccount()
      const requests = times(9, i =>
        i % 3 === round % 3
          ? { path: 'resend-verification', body: { email } }
          : { path: 'verify-email', body: { token } },
      )
      const replies = await sendSimultaneously([world.url, other.url], requests)
      const counts = statusesOf(replies)
      t.is(counts[202], 3)
      t.is((counts[200] ?? 0) + (counts[401] ?? 0), 6)
      const verified = (counts[200] ?? 0) > 0
      await until('every queued email to be sent or dropped', async () =>
        (await mailsTo(email)).every(({ status }) => status !== 'queued'),
      )
      t.is((await world.client.get('me', { token: access })).body.email_verified, verified)
      if (!verified) {
        // Sort by id, because the newest email may not arrive last.
        const idOf = ({ mail }: CaughtEmail) => mail.messageId ?? ''
        const mailed = await world.mails.sentTo(email)
        const newest = mailed.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).at(-1)
        t.is((await other.client.post('verify-email', { token: tokenOf(newest?.link ?? '') })).status, 200)
      }
      const welcomes = (await mailsTo(email)).filter(({ kind }) => kind === 'welcome')
      t.is(welcomes.length, 1)
    }
  })

  test('token marked as used in Postgres but not in Redis → 401', async t => {
    const { email, token } = await mailedAccount()
    await world.sql(`UPDATE emails SET proof_spent_at = now() WHERE recipient = $1`, [email])
    const reply = await world.client.post('verify-email', { token })
    t.is(reply.status, 401)
    t.is((await mailsTo(email)).length, 1)
  })

  test('account moved to another address → the link to the old address is dead', async t => {
    const { email, userId, token } = await mailedAccount()
    await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, `new-${email}`])
    t.is((await world.client.post('verify-email', { token })).status, 401)
    const [user] = await world.sql<{ email_verified: boolean }>('SELECT * FROM users WHERE id = $1', [userId])
    t.false(user?.email_verified)
  })

  for (const token of [
    'x',
    'lkp_',
    `lkp_${'A'.repeat(64)}`,
    `lkp_${'A'.repeat(63)}!`,
    `lkr_${'A'.repeat(64)}`,
  ])
    test(`token that was never mailed → rejected: ${token}`, async t => {
      const { status, body } = await world.client.post('verify-email', { token })
      t.true((status === 401 && body.code === 'INVALID_TOKEN') || (status === 400 && token.endsWith('!')))
    })

  test('token or code of one account combined with the id or address of another → 401', async t => {
    const mine = await mailedAccount()
    const yours = await mailedAccount()
    const bytes = (token: string) => Buffer.from(token.slice(4), 'base64url')
    const forged = Buffer.concat([bytes(yours.token).subarray(0, 16), bytes(mine.token).subarray(16)])
    const reply = await world.client.post('verify-email', { token: `lkp_${forged.toString('base64url')}` })
    t.is(reply.status, 401)
    t.is((await world.client.post('verify-email', { email: yours.email, code: mine.code })).status, 401)
  })
}

{
  // A code has a million possible values, so it allows exactly five guesses, also in parallel.

  const mailedAccount = async () => {
    const account = await anAccount(world.client)
    const { link, code } = await world.mails.to(account.email)
    return { ...account, token: tokenOf(link), code }
  }
  const wrongCodes = (code: string, count: number) =>
    Array.from({ length: count }, (_, i) => String((Number(code) + 1 + i) % 1_000_000).padStart(6, '0'))
  const guess = (email: string, code: string, at = world) => at.client.post('verify-email', { email, code })
  const attemptsAt = (userId: string) =>
    world.redis.hget(world.keys.oneTimeToken(userId, 'verify_email'), 'attempts')

  test('four wrong guesses → the right code still works', async t => {
    const { email, code } = await mailedAccount()
    for (const wrong of wrongCodes(code, 4)) t.is((await guess(email, wrong)).status, 401)
    t.is((await guess(email, code)).status, 200)
  })

  test('five wrong guesses → the right code is rejected, and the link still works', async t => {
    const { email, code, token } = await mailedAccount()
    for (const wrong of wrongCodes(code, 5)) t.is((await guess(email, wrong)).status, 401)
    const refused = await guess(email, code)
    t.is(refused.status, 401)
    t.is(refused.body.code, 'INVALID_TOKEN')
    t.is((await world.client.post('verify-email', { token })).status, 200)
  })

  test('50 simultaneous guesses at two instances → all are counted', async t => {
    const { email, userId, code, token } = await mailedAccount()
    const replies = await Promise.all(
      wrongCodes(code, 50).map((wrong, i) => guess(email, wrong, i % 2 ? world : { ...world, ...other })),
    )
    t.true(replies.every(({ status }) => status === 401))
    t.is(await attemptsAt(userId), '50', 'each guess was counted')
    t.is((await guess(email, code)).status, 401)
    t.is((await world.client.post('verify-email', { token })).status, 200)
  })

  test('wrong tokens → do not count as guesses, so an attacker cannot disable a code', async t => {
    const { email, userId, code, token } = await mailedAccount()
    const wrong = `lkp_${Buffer.from(token.slice(4), 'base64url').fill(7, 16).toString('base64url')}`
    for (let i = 0; i < 6; i++) t.is((await world.client.post('verify-email', { token: wrong })).status, 401)
    t.is(await attemptsAt(userId), '0')
    t.is((await guess(email, code)).status, 200)
  })

  test('code of one email at another address → 401', async t => {
    const [mine, yours] = [await mailedAccount(), await mailedAccount()]
    t.is((await guess(yours.email, mine.code)).status, 401)
    t.is((await guess(mine.email, mine.code)).status, 200)
  })

  /** A reply without the headers and the id that differ in every reply. */
  const comparable = ({ status, headers, text, body }: Reply) => {
    const own = new Set(['date', 'x-request-id'])
    const kept = [...headers].filter(([name]) => !own.has(name))
    return { status, kept, text: text.replace(body.request_id, '') }
  }

  test('wrong code for an unknown, unverified or verified address → identical replies', async t => {
    const { email, code } = await mailedAccount()
    const [wrong = ''] = wrongCodes(code, 1)
    const known = comparable(await guess(email, wrong))
    t.is(known.status, 401)
    t.deepEqual(comparable(await guess(anEmail(), wrong)), known)

    t.is((await guess(email, code)).status, 200)
    t.deepEqual(comparable(await guess(email, wrong)), known)
  })

  test('sixth use of the right code → 401', async t => {
    const { email, code } = await mailedAccount()
    for (let i = 0; i < 5; i++) t.is((await guess(email, code)).status, 200)
    t.is((await guess(email, code)).status, 401)
  })

  /** Finds an email id whose code has this beginning. */
  const idOfCode = (begins: string, secret: MacKey): string => {
    for (let tries = 0; tries < 100_000; tries++) {
      const made = uuid()
      if (emailSecrets(secret, 'verify_email', made).code.startsWith(begins)) return made
    }
    throw new Error(`no code begins with ${begins}`)
  }

  for (const zeros of ['0', '00', '000'])
    test(`code that begins with ${zeros} → mailed and accepted with its leading zeros`, async t => {
      const { email, userId } = await mailedAccount()
      const emailId = idOfCode(zeros, deriveSecrets([testSecret]).current.mail)
      await world.sql(
        `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
       VALUES ($1, 'verify_email', $2, $3, 'en', now() + interval '1 hour')`,
        [emailId, email, userId],
      )
      t.is(await world.deliver(emailId), 'sent')
      const { code } = await world.mails.to(email, 2)
      t.regex(code, new RegExp(`^${zeros}`))
      t.is(code.length, 6)
      t.is((await world.client.post('verify-email', { email, code: String(Number(code)) })).status, 400)
      t.is((await guess(email, code)).status, 200)
    })

  for (const code of [
    123456,
    '12345',
    '1234567',
    '12345a',
    '12.345',
    '①②③④⑤⑥',
    ['123456'],
    { $gt: '' },
    null,
  ])
    test(`malformed code → 400: ${JSON.stringify(code)}`, async t => {
      const reply = await world.client.post('verify-email', { email: anEmail(), code })
      t.is(reply.status, 400)
      t.is(reply.body.code, 'VALIDATION_ERROR')
    })
}

{
  const resend = (email: unknown) => world.client.post('resend-verification', { email })
  const rowsTo = (email: string) =>
    world.sql<{ status: string; attempts: number }>(
      'SELECT status, attempts FROM emails WHERE recipient = $1 ORDER BY id',
      [email],
    )
  const statuses = (email: string, count: number) =>
    until(`${count} settled rows to ${email}`, async () => {
      const rows = await rowsTo(email)
      return (
        rows.length === count && rows.every(({ status }) => status !== 'queued') && rows.map(r => r.status)
      )
    })
  const mailsTo = async (email: string) => (await world.mails.sentTo(email)).length

  const comparableReply = ({ status, headers, text }: Reply) => ({
    status,
    text,
    headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
  })

  test('resend for an unverified, verified or unknown address → same reply; only the first gets an email', async t => {
    const unverified = await anAccount(world.client)
    const verified = await anAccount(world.client)
    await world.mails.to(unverified.email)
    const { link } = await world.mails.to(verified.email)
    await world.client.post('verify-email', { token: tokenOf(link) })
    const unknown = anEmail()

    const answers = []
    for (const email of [unverified.email, verified.email, unknown, unverified.email.toUpperCase()]) {
      answers.push(comparableReply(await resend(email)))
      // Sequentially, because the older of two queued emails may be dropped.
      await until('every queued email to be sent or dropped', async () => {
        const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
        return queued.length === 0
      })
    }
    t.is(answers[0]?.status, 202)
    t.is(answers[0]?.text, '')
    for (const answer of answers) t.deepEqual(answer, answers[0])

    t.deepEqual(await statuses(unverified.email, 3), ['sent', 'sent', 'sent'])
    t.deepEqual(await statuses(verified.email, 3), ['sent', 'sent', 'dropped'])
    t.deepEqual(await statuses(unknown, 1), ['dropped'])
    t.is(await mailsTo(unverified.email), 3)
    t.is(await mailsTo(verified.email), 2)
    t.is(await mailsTo(unknown), 0)
  })

  test('resent email → in the preferred language of the account, else in that of the request', async t => {
    const ask = (email: string) =>
      world.client.post('resend-verification', { email }, { headers: { 'accept-language': 'es' } })
    const withoutPreference = await anAccount(world.client)
    const withPreference = await anAccount(world.client, { preferred_language: 'ar' })
    for (const { email } of [withoutPreference, withPreference]) {
      await world.mails.to(email)
      await ask(email)
    }
    t.regex((await world.mails.to(withoutPreference.email, 2)).mail.html ?? '', /<html lang="es"/)
    t.regex((await world.mails.to(withPreference.email, 2)).mail.html ?? '', /<html lang="ar"/)
  })

  const victim = 'victim@example.com'
  const notOneAddress: unknown[] = [
    [victim, 'evil@example.com'],
    { 0: victim },
    `${victim},evil@example.com`,
    `${victim};evil@example.com`,
    `${victim} evil@example.com`,
    `"${victim} x"@evil.example`,
    `"evil@evil.example"@example.com`,
    `Victim <${victim}>`,
    `<${victim}>`,
    `evil@evil.example(${victim})`,
    `${victim}\r\nBcc: evil@example.com`,
    `${victim}\n`,
    `${victim}\u0000`,
    `${victim}%0aBcc:evil@example.com`,
    `a@b@example.com`,
    `group:${victim};`,
    `victim＠example.com`,
    `vıctim@example.com`,
    `${'a'.repeat(65)}@example.com`,
    `victim@[127.0.0.1]`,
    `victim@localhost`,
    null,
    42,
    '',
  ]
  for (const email of notOneAddress)
    test(`email value that is not exactly one address → 400: ${JSON.stringify(email)?.slice(0, 60)}`, async t => {
      for (const route of ['resend-verification', 'register']) {
        const body = route === 'register' ? { email, password: 'correct horse 9' } : { email }
        const reply = await world.client.post(route, body)
        t.is(reply.status, 400)
        t.is(reply.body.code, 'VALIDATION_ERROR')
      }
      const rows = await world.sql(
        `SELECT 1 FROM emails WHERE recipient ~ 'victim|evil|aaaaaa' OR recipient = ''`,
      )
      t.is(rows.length, 0)
      t.is((await world.mails.all()).filter(({ to }) => /victim|evil/.test(to.join())).length, 0)
    })

  test('resend with an unknown field or an array → 400', async t => {
    const reply = await world.client.post('resend-verification', { email: anEmail(), to: 'evil@example.com' })
    t.is(reply.status, 400)
    t.is((await world.client.post('resend-verification', [{ email: anEmail() }])).status, 400)
  })
}

{
  const world = registerSendsOneMailWorld
  type Row = { id: string; status: string; recipient: string; locale: string; user_id: string }
  const rowsTo = (email: string) => world.sql<Row>('SELECT * FROM emails WHERE recipient = $1', [email])

  test('registration → exactly one email, to the stored address', async t => {
    const email = anEmail()
    const { userId } = await anAccount(world.client, { email: ` ${email.toUpperCase()} ` })
    const { to, mail, raw } = await world.mails.to(email)
    const [row, ...more] = await until('the email to be sent', async () => {
      const rows = await rowsTo(email)
      return rows[0]?.status === 'sent' && rows
    })
    t.is(more.length, 0)
    t.like(row, { recipient: email, user_id: userId })
    t.is((await world.mails.sentTo(email)).length, 1)

    t.deepEqual(to, [email], 'exactly one RCPT')
    t.deepEqual(
      mail.to?.map(({ address }) => address),
      [email],
    )
    t.is(mail.cc, undefined)
    t.is(mail.bcc, undefined)
    t.deepEqual([mail.from?.name, mail.from?.address], ['Latchkey', 'no-reply@mail.example'])
    t.is(mail.messageId, `<${row?.id}@mail.example>`)
    t.true(Math.abs(Date.parse(mail.date ?? '') - Date.now()) < 60_000)
    const header = (name: string) => mail.headers.filter(({ key }) => key === name).map(({ value }) => value)
    t.deepEqual(header('auto-submitted'), ['auto-generated'])
    t.deepEqual(header('list-unsubscribe'), [])
    t.regex(raw, /^Content-Type: multipart\/alternative/m)
  })

  test('verification email → text and HTML part have the same link and code', async t => {
    const { email, userId } = await anAccount(world.client)
    const { link, code, mail } = await world.mails.to(email)
    const url = new URL(link)
    t.is(url.origin + url.pathname, 'http://latchkey.test/api/v1/auth/verify-email')
    t.regex(tokenOf(link), /^lkp_[\w-]{64}$/)
    t.true(mail.html?.includes(link.replaceAll('&', '&amp;')))
    t.regex(mail.html ?? '', new RegExp(`>\\s*${code}\\s*<`))
    t.false(link.includes(userId), 'the link does not contain the user id')
    t.false(link.includes(email))
  })

  const registerAt = (email: string, headers: Record<string, string>, path = '/api/v1/auth/register') =>
    new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(world.url)
      const sent = request({ hostname, port, method: 'POST', path, headers }, reply => {
        reply.resume()
        reply.on('end', () => resolve(reply.statusCode ?? 0))
      })
      sent.on('error', reject)
      sent.end(JSON.stringify({ email, password }))
    })

  const hostileHeaders: [string, Record<string, string>, string?][] = [
    ['Host', { host: 'evil.example' }],
    ['Host with a password in it', { host: 'evil.example:x@latchkey.test' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }],
    ['Forwarded', { forwarded: 'host=evil.example;proto=https' }],
    ['Origin and Referer', { origin: 'https://evil.example', referer: 'https://evil.example/' }],
    ['the request target', {}, 'http://evil.example/api/v1/auth/register'],
  ]
  for (const [name, headers, path] of hostileHeaders)
    test(`register with hostile ${name} → the mailed link points to PUBLIC_URL`, async t => {
      const email = anEmail()
      const status = await registerAt(email, { 'content-type': 'application/json', ...headers }, path)
      if (status !== 201) {
        t.true(status >= 400 && status < 500, `answered ${status}`)
        t.is((await rowsTo(email)).length, 0)
        return
      }
      const { link, raw, mail } = await world.mails.to(email)
      t.true(link.startsWith('http://latchkey.test/'))
      t.false((raw + mail.html + mail.text).includes('evil.example'))
    })

  const languages: [string, Record<string, unknown>, Record<string, string>, string][] = [
    ['no preference', {}, {}, 'en'],
    ['Accept-Language', {}, { 'accept-language': 'fr, es-MX;q=0.8, en;q=0.5' }, 'es'],
    ['a right-to-left Accept-Language', {}, { 'accept-language': 'ar-EG' }, 'ar'],
    [
      'preferred_language and Accept-Language',
      { preferred_language: 'ar' },
      { 'accept-language': 'es' },
      'ar',
    ],
    ['an unknown language', { preferred_language: 'tlh' }, { 'accept-language': 'xx' }, 'en'],
  ]
  const subjects: Record<string, string> = {
    en: 'Confirm your email address',
    es: 'Confirma tu correo electrónico',
  }
  for (const [name, profile, headers, locale] of languages)
    test(`register with ${name} → email and page in ${locale}`, async t => {
      const email = anEmail()
      const reply = await world.client.post('register', { email, password, ...profile }, { headers })
      t.is(reply.status, 201)
      const { mail, link } = await world.mails.to(email)
      t.regex(mail.html ?? '', new RegExp(`<html lang="${locale}" dir="${locale === 'ar' ? 'rtl' : 'ltr'}"`))
      const page = await world.client.get(link.slice('http://latchkey.test'.length))
      t.regex(page.text, new RegExp(`<html lang="${locale}"`), 'the linked page has the same language')
      if (locale === 'ar') t.regex(mail.subject ?? '', /\p{Script=Arabic}/u)
      else t.is(mail.subject, subjects[locale])
    })

  test('register with a taken address → 409, and no email', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    t.is((await world.client.post('register', { email, password })).status, 409)
    t.is((await rowsTo(email)).length, 1)
  })
}
