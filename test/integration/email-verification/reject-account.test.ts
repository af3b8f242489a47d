import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import {
  type Account,
  anAccount,
  anEmail,
  password,
  recentYears,
  tokenOf,
  withoutToken,
} from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { runCommand } from '../cli/run-command.ts'
import {
  aVerifiedAccount,
  origin,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
} from '../email-change/change-email.ts'
import { submitForm } from '../passwords/user-with-reset-mail.ts'

// A squatter registers the address of a victim, who gets the verification email. The email and its page show when and
// from where the account was created, and can remove it. A victim who confirms sees which sessions are older.

const test = anyTest.serial

const world = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const ip = '198.51.100.77'
const squatterHeaders = { headers: { 'user-agent': firefox, 'x-forwarded-for': ip } }

/** An account that a squatter registered from Firefox on Linux, and the email to the victim. */
const squattedAccount = async (given: Record<string, unknown> = {}) => {
  const email = anEmail()
  const { status, body } = await client.post('register', { email, password, ...given }, squatterHeaders)
  if (status !== 201) throw new Error(`register answered ${status}`)
  const { mail, link } = await world.mails.to(email)
  const removal = new RegExp(`${origin}(/api/v1/auth/reject-account\\?token=\\S+)`).exec(mail.text ?? '')
  return {
    ...{ email, mail, userId: body.user.id as string, password },
    ...{ access: body.access_token as string, refresh: body.refresh_token as string },
    ...{ token: tokenOf(link), path: link.slice(origin.length), removal: removal?.[1] ?? '' },
  }
}

const reject = (token: string, at = client) => at.post('reject-account', { token })
const count = async (text: string, values: unknown[]) => (await world.sql(text, values)).length
const exists = (userId: string) => count('SELECT 1 FROM users WHERE id = $1', [userId])

test('verification email → shows time, browser and IP of the registration and a removal link', async t => {
  const { mail, token, removal } = await squattedAccount()
  for (const part of [mail.text ?? '', mail.html ?? '']) {
    t.true(part.includes(ip))
    t.true(part.includes('Firefox, Linux'))
    t.true(recentYears().some(year => part.includes(year)))
    t.true(part.includes('I did not create this account'))
  }
  t.is(
    new URL(origin + removal).searchParams.get('token'),
    token,
    'the removal link has the token of this email',
  )
})

test('verification email is requested again → still shows the data of the registration', async t => {
  const { email } = await squattedAccount()
  const headers = { 'user-agent': 'Lynx/2.9', 'x-forwarded-for': '203.0.113.9' }
  t.is((await client.post('resend-verification', { email }, { headers })).status, 202)
  const { mail } = await world.mails.to(email, 2)
  t.true(mail.text?.includes(ip))
  t.true(mail.text?.includes('Firefox, Linux'))
  t.notRegex(withoutToken(mail.text ?? ''), /Lynx|203\.0\.113\.9/)
  t.regex(mail.text ?? '', /I did not create this account/)
})

test('user agent is not a known browser → shown as unknown in email and page', async t => {
  for (const agent of ['<script>alert(1)</script>', 'Your account is locked, see evil.example', '']) {
    const email = anEmail()
    const headers = { 'user-agent': agent, 'x-forwarded-for': ip }
    t.is((await client.post('register', { email, password }, { headers })).status, 201)
    const { mail, link } = await world.mails.to(email)
    const { text } = await client.get(link.slice(origin.length))
    for (const part of [mail.text ?? '', mail.html ?? '', text]) {
      t.regex(part, /Device[^a-z]*Unknown|Device[\s\S]{0,400}Unknown/)
      t.notRegex(withoutToken(part), /<script|alert\(1\)|evil\.example|locked/)
    }
  }
})

const languages: [lang: string, removalText: RegExp][] = [
  ['en', /I did not create this account/],
  ['es', /Yo no he creado esta cuenta/],
  ['ar', /لم أُنشئ هذا الحساب/],
]
for (const [lang, removalText] of languages)
  test(`registration in ${lang} → email and page offer the removal in ${lang}`, async t => {
    const { mail, path } = await squattedAccount({ preferred_language: lang })
    const { text } = await client.get(path)
    for (const part of [mail.text ?? '', mail.html ?? '', text]) {
      t.regex(part, removalText)
      t.true(part.includes(ip))
      t.true(part.includes('Firefox, Linux'))
    }
    t.true(text.includes(`<html lang="${lang}"`))
  })

test('page with a valid token → shows the registration; with an invalid token → shows nothing of it', async t => {
  const { path, token, userId } = await squattedAccount()
  const before = await rowOf(world, userId)
  for (const method of ['GET', 'HEAD', 'GET']) t.is((await client.send(method, path)).status, 200)
  const { text } = await client.get(path)
  t.true(text.includes(ip))
  t.true(text.includes('Firefox, Linux'))
  t.regex(text, /<time|UTC/)
  t.deepEqual(await rowOf(world, userId), before)
  const bad = await client.get(path.replace(token, `lkp_${'A'.repeat(64)}`))
  t.is(bad.status, 200)
  t.notRegex(bad.text, /Firefox|198\.51/)
  t.notRegex(bad.text, /did not create/)
})

/** Submits the second form of a page. */
const submitSecondForm = (page: string): Promise<Reply> => {
  const forms = [...page.matchAll(/<form method="post" action="([^"]+)">/g)].map(([, action = '']) => action)
  const [, token = ''] = /name="token" value="([^"]*)"/.exec(page) ?? []
  return client.send('POST', `/api/v1/auth/${forms[1]}`, {
    body: new URLSearchParams({ token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

test('removal by the page → sessions, emails and keys are deleted, and the address is free', async t => {
  const { email, userId, path, access, refresh } = await squattedAccount()
  await client.post('resend-verification', { email })
  const { link } = await world.mails.to(email, 2)
  await untilNoEmailQueued(world)
  // The newest email has the valid token.
  const { text } = await client.get(link.slice(origin.length))
  t.notRegex((await client.get(path)).text, /did not create/, 'the older email cannot remove the account')
  const submitted = await submitSecondForm(text)
  t.is(submitted.status, 303)
  const location = submitted.headers.get('location') ?? ''
  t.is(location, `${origin}/api/v1/auth/account-removed?lang=en`)
  t.regex((await client.get(location.slice(origin.length))).text, /The account is removed/)

  for (const at of [client, other.client]) {
    t.is((await at.get('me', { token: access })).body.code, 'SESSION_REVOKED')
    t.is((await at.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await at.post('login', { email, password })).body.code, 'INVALID_CREDENTIALS')
  }
  t.is(await exists(userId), 0)
  t.is(await count('SELECT 1 FROM emails WHERE recipient = $1 OR user_id = $2', [email, userId]), 0)
  t.is(await count(`SELECT 1 FROM audit_events WHERE type = 'user.rejected'`, []), 1)
  t.is((await count('SELECT 1 FROM audit_events WHERE user_id = $1 OR ip = $2', [userId, ip])) > 0, true)
  t.deepEqual(
    (await world.keysLike(`${world.env.REDIS_PREFIX}:{${userId}}:*`)).map(key => key.split(':').at(-1)),
    ['rejected'],
    'only the hash of the token is kept, for a second click',
  )

  const victim = await anAccount(client, { email, password: 'a phrase of the victim 5' })
  t.not(victim.userId, userId)

  const again = await submitSecondForm(text)
  t.is(again.headers.get('location'), `${location}&again=1`)
  t.is(
    (await client.get('me', { token: victim.access })).status,
    200,
    'the new account at the address is unchanged',
  )
})

test('opening the removal link → removes nothing; its button removes the account', async t => {
  const { userId, removal } = await squattedAccount()
  for (const method of ['GET', 'HEAD', 'GET']) t.is((await client.send(method, removal)).status, 200)
  t.is(await exists(userId), 1)
  const page = (await client.get(removal)).text
  const submitted = await submitForm(client, { path: removal, page }, {})
  t.is(submitted.status, 303)
  t.is(await exists(userId), 0)
  const again = await submitForm(client, { path: removal, page }, {})
  const alreadyPage = await client.get((again.headers.get('location') ?? '').slice(origin.length))
  t.regex(alreadyPage.text, /The account is already removed/)
})

test('EMAIL_LINK_CONFIRM=instant → opening the removal link still removes nothing', async t => {
  const instant = await world.instance({ EMAIL_LINK_CONFIRM: 'instant' })
  const { userId, removal } = await squattedAccount()
  t.is((await instant.client.get(removal)).status, 200)
  t.is(await exists(userId), 1)
})

test('20 simultaneous removals at two instances → 204 each and one event', async t => {
  const { token, userId } = await squattedAccount()
  const events = () => count(`SELECT 1 FROM audit_events WHERE type = 'user.rejected'`, [])
  const before = await events()
  const requests = times(20, { path: 'reject-account', body: { token } })
  t.deepEqual(statusesOf(await sendSimultaneously([world.url, other.url], requests)), { 204: 20 })
  t.is(await exists(userId), 0)
  t.is((await events()) - before, 1)
  t.is((await reject(token, other.client)).status, 204)
})

test('simultaneous confirmation and removal → exactly one succeeds', async t => {
  for (let round = 0; round < 5; round++) {
    const { token, userId } = await squattedAccount()
    const [verified, rejected] = await sendSimultaneously(
      round % 2 ? [world.url, other.url] : [other.url, world.url],
      [
        { path: 'verify-email', body: { token } },
        { path: 'reject-account', body: { token } },
      ],
    )
    const outcome = `${verified?.status} ${rejected?.status}`
    t.true(['200 401', '401 204'].includes(outcome), outcome)
    t.is(await exists(userId), outcome === '200 401' ? 1 : 0)
  }
})

type SquattedAccount = Awaited<ReturnType<typeof squattedAccount>>

/** Resets the password by a mailed link, as the owner of the mailbox does. */
const reset = async ({ email }: { email: string }) => {
  await client.post('forgot-password', { email })
  const { link } = await world.mails.to(email, 1, 'reset-password')
  return client.post('reset-password', { token: tokenOf(link), new_password: 'a phrase of the victim 5' })
}
const set = (userId: string, change: string) =>
  world.sql(`UPDATE users SET ${change} WHERE id = $1`, [userId])
const keptAccounts: [what: string, prepare: (squatted: SquattedAccount) => Promise<unknown>][] = [
  ['was confirmed by the link', ({ token }) => client.post('verify-email', { token })],
  ['was confirmed by a reset', reset],
  ['is verified', ({ userId }) => set(userId, 'email_verified = true')],
  [
    'was confirmed earlier and is unverified now',
    async ({ email, userId, token }) => {
      await client.post('verify-email', { token })
      await set(userId, 'email_verified = false')
      await client.post('resend-verification', { email })
      await world.mails.to(email, 3)
    },
  ],
  ['has another address', ({ userId, email }) => set(userId, `email = 'new-${email}'`)],
  ['is an administrator', ({ userId }) => set(userId, `roles = '{user,admin}'`)],
  ['is deactivated', ({ userId }) => set(userId, 'is_active = false')],
]
for (const [what, prepare] of keptAccounts)
  test(`account that ${what} → its email cannot remove it any more`, async t => {
    const squatted = await squattedAccount()
    await prepare(squatted)
    const { token, email, userId } = squatted
    const newest = tokenOf((await world.mails.to(email, 1, 'verify-email')).link)
    for (const each of [token, newest]) {
      const { status, body } = await reject(each)
      t.is(status, 401)
      t.is(body.code, 'INVALID_TOKEN')
    }
    t.is(await exists(userId), 1)
  })

test('other token, parts of a token or a code → cannot remove an account', async t => {
  const [mine, yours] = [await squattedAccount(), await squattedAccount()]
  const bytes = (token: string) => Buffer.from(token.slice(4), 'base64url')
  const forged = Buffer.concat([bytes(yours.token).subarray(0, 16), bytes(mine.token).subarray(16)])
  const move = await requestEmailChange(world, yours, anEmail())
  await client.post('forgot-password', { email: yours.email })
  const resetting = await world.mails.to(yours.email, 1, 'reset-password')
  const wrong = [
    `lkp_${forged.toString('base64url')}`,
    move.token,
    tokenOf(resetting.link),
    yours.access,
    'x',
  ]
  for (const token of wrong) t.is((await reject(token)).status, 401)
  t.is(await exists(yours.userId), 1)
  const code = await client.post('reject-account', { email: yours.email, code: '123456' })
  t.is(code.status, 400, 'a code is not accepted either')
  t.is((await reject(mine.token)).status, 204)
  t.is(await exists(yours.userId), 1)
})

test('removal of an account with a payment → deactivated, its address is free, its row stays', async t => {
  const { token, email, userId, access } = await squattedAccount()
  await world.sql(
    `WITH site AS (INSERT INTO sites (id, slug, name, description, price, currency)
       VALUES (gen_random_uuid(), gen_random_uuid()::text, 'Bakery', 'A site', 100, 'USD') RETURNING id)
     INSERT INTO purchases (id, site_id, user_id, locale, amount, currency, status, request_hash, expires_at, look_after)
     SELECT gen_random_uuid(), id, $1, 'en', 100, 'USD', 'paid', '', now(), now() + interval '1 day' FROM site`,
    [userId],
  )
  for (let i = 0; i < 2; i++) t.is((await reject(token)).status, 204)
  const row = await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [userId])
  t.like(row[0], {
    ...{ email: `${userId}@rejected.invalid`, is_active: false, password_hash: null },
    erase_after: null,
  })
  t.is(await count('SELECT 1 FROM purchases WHERE user_id = $1', [userId]), 1)
  t.is((await client.get('me', { token: access })).status, 401)
  t.is((await client.post('login', { email, password })).status, 401)
  t.is((await client.post('register', { email, password })).status, 201, 'the address is free')
})

test('account created by an operator → email without registration data and removal link', async t => {
  const email = anEmail()
  t.is((await runCommand(world.env, ['users', 'create', email], 'correct horse 10')).code, 0)
  const { mail, link } = await world.mails.to(email)
  t.is(mail.subject, 'Confirm the email address of your new account')
  t.notRegex(mail.text ?? '', /reject-account|did not create|IP address/)
  t.notRegex((await client.get(link.slice(origin.length))).text, /did not create|IP address/)
  t.is((await reject(tokenOf(link))).status, 401)
  t.is((await client.post('verify-email', { token: tokenOf(link) })).status, 200)
})

const sessionsOf = async (token: string) => {
  const { body } = await client.get('sessions', { token })
  return (body.data as { id: string; created_before_verification?: true }[]).map(session => ({
    id: session.id,
    older: session.created_before_verification === true,
  }))
}

test('address is confirmed → older sessions are marked in the list and the export', async t => {
  const { token, access, email } = await squattedAccount()
  const [before] = await sessionsOf(access)
  t.false(before?.older, 'nothing is marked before the confirmation')
  t.is((await client.post('verify-email', { token })).status, 200)
  const { body } = await client.post('login', { email, password })
  t.deepEqual(await sessionsOf(body.access_token), [
    { id: body.session_id, older: false },
    { id: before?.id, older: true },
  ])
  const exported = await client.get('me/export', { token: body.access_token })
  t.deepEqual(
    exported.body.sessions.map((session: Record<string, unknown>) => session.created_before_verification),
    [undefined, true],
  )
})

test('email change is confirmed → sessions from before it are marked', async t => {
  const account: Account = await aVerifiedAccount(world)
  const { body } = await client.post('login', { email: account.email, password })
  t.deepEqual(
    (await sessionsOf(account.access)).map(({ older }) => older),
    [false, true],
  )
  const { token } = await requestEmailChange(world, account, anEmail())
  t.is((await client.post('confirm-email', { token })).status, 200)
  t.deepEqual(
    (await sessionsOf(body.access_token)).map(({ older }) => older),
    [true, true],
  )
})

test('page of an email change → names the account only while its token is valid', async t => {
  const account = await aVerifiedAccount(world)
  const { path, token } = await requestEmailChange(world, account, anEmail())
  t.true((await client.get(path)).text.includes(account.email))
  const bad = await client.get(path.replace(token, `lkp_${'A'.repeat(64)}`))
  t.false(bad.text.includes('@example.com'))
  t.is((await client.post('confirm-email', { token })).status, 200)
  t.false((await client.get(path)).text.includes('@example.com'), 'a used link does not name the account')
})
