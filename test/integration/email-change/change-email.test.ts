import anyTest from 'ava'
import { parse as parseUuid } from 'uuid'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import type { ReplyHeaders } from '../../reply-headers.ts'
import { type HttpRequest, openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { submitForm } from '../passwords/user-with-reset-mail.ts'
import {
  aVerifiedAccount,
  changeEmail,
  countEvents,
  origin,
  postChangeEmail,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from './change-email.ts'

// An email change stays pending until the link or the code that is mailed to the new address confirms it.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
const expiryWorld = await openWorld({ worker: true })
anyTest.after.always(async () => {
  for (const each of [world, expiryWorld]) await each[Symbol.asyncDispose]()
})

{
  // An account keeps its address until the new one is confirmed: a mistyped address must not get the account.

  const { client } = world

  const login = (email: string, password: string) => client.post('login', { email, password })
  const confirmationEmails = (email: string) =>
    world.sql<{ status: string }>(
      `SELECT status FROM emails WHERE kind = 'email_change' AND recipient = $1 ORDER BY id`,
      [email],
    )

  for (const by of ['token', 'code'] as const)
    test(`email change → the old address stays until the emailed ${by} confirms the new one`, async t => {
      const account = await aVerifiedAccount(world)
      const { email, password, access, userId } = account
      const before = await rowOf(world, userId)
      const newEmail = anEmail()
      const { token, code, caught } = await requestEmailChange(world, account, newEmail)
      t.deepEqual(caught.to, [newEmail])
      t.is(caught.mail.subject, 'Confirm your new email address')
      t.deepEqual(await rowOf(world, userId), before)
      t.is((await login(newEmail, password)).status, 401)
      t.is((await login(email, password)).status, 200)

      const presented = by === 'token' ? { token } : { email: newEmail.toUpperCase(), code }
      const reply = await client.post('confirm-email', presented)
      t.is(reply.status, 200)
      t.deepEqual(reply.body, { email: newEmail, email_verified: true })
      t.like((await client.get('me', { token: access })).body, { email: newEmail, email_verified: true })
      t.is(await countEvents(world, userId, 'email.changed'), 1)
    })

  test('email change is confirmed → the new address signs in, the old one gets the reply of an unknown one', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token } = await requestEmailChange(world, account, newEmail)
    t.is((await client.post('confirm-email', { token })).status, 200)

    const { status, body } = await login(newEmail, account.password)
    t.is(status, 200)
    t.is(body.user.id, account.userId)
    const [old, unknown] = [
      await login(account.email, account.password),
      await login(anEmail(), account.password),
    ]
    t.is(old.status, 401)
    t.is(old.body.code, 'INVALID_CREDENTIALS')
    t.deepEqual({ ...old.body, request_id: '' }, { ...unknown.body, request_id: '' })

    const other = await anAccount(client, { email: account.email })
    t.not(other.userId, account.userId, 'the old address can be registered again')
  })

  test('email change with a wrong password or without a session → refused, and no email is queued', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    for (const password of ['wrong horse 9', account.password.toUpperCase(), `${account.password} `]) {
      const reply = await postChangeEmail(client, { ...account, password }, newEmail)
      t.is(reply.status, 403)
      t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
    }
    t.is((await client.post('change-email', { new_email: newEmail }, { token: account.access })).status, 400)
    const withoutSession = { current_password: account.password, new_email: newEmail }
    t.is((await client.post('change-email', withoutSession)).status, 401, 'the password without a session')
    t.deepEqual(await confirmationEmails(newEmail), [])
  })

  test('email change to a taken address → the reply of a free one, and its owner gets no email', async t => {
    const [account, otherAccount] = [await anAccount(client), await aVerifiedAccount(world)]
    await untilNoEmailQueued(world)
    const receivedCount = async () => (await world.mails.sentTo(otherAccount.email)).length
    const before = await receivedCount()
    const free = await postChangeEmail(client, account, anEmail())
    const headerNames = ({ headers }: { headers: ReplyHeaders }) => [...headers.keys()].sort()
    for (const taken of [otherAccount.email, otherAccount.email.toUpperCase(), account.email]) {
      const reply = await postChangeEmail(client, account, taken)
      t.is(reply.status, 202)
      t.is(reply.text, free.text)
      t.deepEqual(headerNames(reply), headerNames(free))
    }
    await untilNoEmailQueued(world)
    t.is(await receivedCount(), before)
    t.deepEqual(
      (await confirmationEmails(otherAccount.email)).map(({ status }) => status),
      ['dropped', 'dropped'],
    )
    const guess = await client.post('confirm-email', { email: otherAccount.email, code: '000000' })
    const unknown = await client.post('confirm-email', { email: anEmail(), code: '000000' })
    t.is(guess.status, 401)
    t.deepEqual({ ...guess.body, request_id: '' }, { ...unknown.body, request_id: '' })
  })

  const validEmail = anEmail()
  const invalidEmails: Record<string, unknown> = {
    'a list': [validEmail, 'evil@evil.test'],
    'a list of one': [validEmail],
    'an object': { address: validEmail },
    null: null,
    'a number': 7,
    'two addresses with a comma': `${validEmail},evil@evil.test`,
    'two addresses with a semicolon': `${validEmail};evil@evil.test`,
    'two addresses with a space': `${validEmail} evil@evil.test`,
    'a quoted recipient': '"evil@evil.test x"@example.com',
    'a display name': `Ana <${validEmail}>`,
    'a line break and a header': `${validEmail}\r\nBcc: evil@evil.test`,
    'a leading line break': `\r\n${validEmail}`,
    'a NUL': `${validEmail}\0@evil.test`,
    'a second at sign': `${validEmail}@evil.test`,
    'a source route': `@evil.test:${validEmail}`,
    'a fullwidth at sign': validEmail.replace('@', '＠'),
    'a dotless i': 'mıke@example.com',
    'a Kelvin sign': 'mi\u212Ae@example.com',
    'a Cyrillic a': 'm\u0430rk@example.com',
    'a zero-width joiner': validEmail.replace('example', 'exam\u200Dple'),
    'an address literal': 'mark@[127.0.0.1]',
    empty: '',
  }
  test('email change to anything but one plain address → 400, and no email is queued', async t => {
    const account = await anAccount(client)
    for (const [what, newEmail] of Object.entries(invalidEmails)) {
      const reply = await postChangeEmail(client, account, newEmail)
      t.is(reply.status, 400, what)
      t.is(reply.body.code, 'VALIDATION_ERROR', what)
      t.is(reply.body.errors[0].path, 'new_email', what)
      t.false(reply.text.includes('evil'), what)
    }
    const rows = await world.sql('SELECT kind FROM emails WHERE user_id = $1', [account.userId])
    t.deepEqual(rows, [{ kind: 'verify_email' }])
    t.is(await countEvents(world, account.userId, 'email.change_requested'), 0)
  })

  test('email change with the id of another account or email_verified in the body → 400', async t => {
    const [account, victim] = [await anAccount(client), await anAccount(client)]
    const newEmail = anEmail()
    for (const more of [{ user_id: victim.userId }, { email: victim.email }, { email_verified: true }]) {
      const body = { current_password: account.password, new_email: newEmail, ...more }
      t.is((await client.post('change-email', body, { token: account.access })).status, 400)
    }
    t.deepEqual(await confirmationEmails(newEmail), [])
  })
}

{
  // Only the newest confirmation email works, and it changes the address once. Opening its link changes nothing, because
  // mail scanners open links.

  const { client } = world

  const confirm = (body: object, at = client) => at.post('confirm-email', body)

  test('20 simultaneous confirmations at two instances → all succeed, one event, one notice', async t => {
    const account = await aVerifiedAccount(world)
    const email = anEmail()
    const { token, code } = await requestEmailChange(world, account, email)
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        confirm(i % 5 === 4 ? { email, code } : { token }, (i % 2 ? world : other).client),
      ),
    )
    t.deepEqual(statusesOf(replies), { 200: 20 })
    for (const { body } of replies) t.deepEqual(body, { email, email_verified: true })
    t.is(await countEvents(world, account.userId, 'email.changed'), 1)
    await untilNoEmailQueued(world)
    const notices = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND recipient = $1`, [
      account.email,
    ])
    t.is(notices.length, 1)
    t.is((await confirm({ token })).status, 200)
    await changeEmail(world, account, anEmail())
    for (const body of [{ token }, { email, code }]) t.is((await confirm(body)).body.code, 'INVALID_TOKEN')
  })

  test('a second request for an email change → the link and the code of the first are refused', async t => {
    const account = await anAccount(client)
    const [first, second] = [anEmail(), anEmail()]
    const old = await requestEmailChange(world, account, first)
    const late = await requestEmailChange(world, account, second)
    for (const body of [{ token: old.token }, { email: first, code: old.code }])
      t.is((await confirm(body)).status, 401)
    const again = await requestEmailChange(world, account, second, 2)
    t.is((await confirm({ token: late.token })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
    t.is((await confirm({ token: again.token })).status, 200)
    t.is((await rowOf(world, account.userId)).email, second)
  })

  test('more than five wrong codes → the right code is refused, and the link still works', async t => {
    const account = await anAccount(client)
    const email = anEmail()
    const { token, code } = await requestEmailChange(world, account, email)
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
    const guesses = await Promise.all(
      Array.from({ length: 8 }, () => confirm({ email, code: wrong }, other.client)),
    )
    t.true(guesses.every(({ status }) => status === 401))
    t.is((await confirm({ email, code })).status, 401)
    t.is((await confirm({ token })).status, 200)
  })

  test('confirmation link is opened with GET and HEAD → no change; its button confirms the email change', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { path } = await requestEmailChange(world, account, newEmail)
    const before = await rowOf(world, account.userId)
    let page = ''
    for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) {
      const opened = await client.send(method, path)
      t.is(opened.status, 200)
      t.is(opened.headers.get('cache-control'), 'no-store')
      t.is(opened.headers.get('referrer-policy'), 'no-referrer')
      page ||= opened.text
    }
    t.deepEqual(await rowOf(world, account.userId), before)

    const pressed = await submitForm(client, { path, page }, {})
    t.is(pressed.status, 303)
    const location = pressed.headers.get('location') ?? ''
    t.is(location, `${origin}/api/v1/auth/email-confirmed?lang=en`)
    t.is((await client.get(location.slice(origin.length))).status, 200)
    t.is((await rowOf(world, account.userId)).email, newEmail)
    const already = (await submitForm(client, { path, page }, {})).headers.get('location') ?? ''
    t.regex((await client.get(already.slice(origin.length))).text, /Your new address is already confirmed/)
  })

  test('undo link is opened with GET and HEAD → no change; its button undoes the email change', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token } = await requestEmailChange(world, account, newEmail)
    await confirm({ token })
    const { path } = await waitForLink(world, account.email, 'undo-email-change')
    let page = ''
    for (const method of ['GET', 'HEAD', 'GET']) {
      const opened = await client.send(method, path)
      t.is(opened.status, 200)
      page ||= opened.text
    }
    t.is((await rowOf(world, account.userId)).email, newEmail)
    const pressed = await submitForm(client, { path, page }, {})
    t.is(pressed.status, 303)
    const location = pressed.headers.get('location') ?? ''
    t.is(location, `${origin}/api/v1/auth/email-restored?lang=en`)
    t.is((await client.get(location.slice(origin.length))).status, 200)
    t.is((await rowOf(world, account.userId)).email, account.email)
    const already = (await submitForm(client, { path, page }, {})).headers.get('location') ?? ''
    t.regex((await client.get(already.slice(origin.length))).text, /Your old address is already restored/)
    t.is((await confirm({ token })).body.code, 'INVALID_TOKEN', 'the email change was undone')
  })

  test('forged tokens, and tokens or codes of another account → 401 at confirm and at undo', async t => {
    const [mine, yours] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const email = anEmail()
    const move = await requestEmailChange(world, mine, email)
    const bytes = Buffer.from(move.token.slice(4), 'base64url')
    const yourId = Buffer.from(parseUuid(yours.userId))
    const forged = [
      Buffer.concat([yourId, bytes.subarray(16)]),
      Buffer.concat([bytes.subarray(0, 16), Buffer.alloc(32)]),
      bytes.subarray(0, 47),
      Buffer.concat([bytes, Buffer.alloc(1)]),
    ].map(each => `lkp_${each.toString('base64url')}`)
    for (const route of ['confirm-email', 'undo-email-change'])
      for (const token of [...forged, mine.access, mine.refresh, 'lkp_', ' ']) {
        const { status, body } = await client.post(route, { token })
        t.is(status, 401, route)
        t.is(body.code, 'INVALID_TOKEN', route)
      }
    t.is((await client.post('undo-email-change', { token: move.token })).status, 401)
    for (const address of [mine.email, yours.email])
      t.is((await confirm({ email: address, code: move.code })).status, 401)
    t.is((await client.post('undo-email-change', { email, code: move.code })).status, 400)
    t.is((await rowOf(world, mine.userId)).email, mine.email)
    t.is((await rowOf(world, yours.userId)).email, yours.email)
  })
}

{
  // An address is not reserved before the confirmation. If several requests confirm it, one account gets it.

  const { client } = world

  const urls = [world.url, other.url]
  const confirm = (token: string) => client.post('confirm-email', { token })
  const confirmRequest = (token: string) => ({ path: 'confirm-email', body: { token } })
  const isRefused = ({ status, body }: { status: number; body: { code: string } }) =>
    (status === 409 && body.code === 'DUPLICATE_ENTRY') || (status === 401 && body.code === 'INVALID_TOKEN')

  test('two accounts confirm the same new address at once → one gets it, the other keeps its address', async t => {
    for (let round = 0; round < 5; round++) {
      const newEmail = anEmail()
      const accounts = [await aVerifiedAccount(world), await aVerifiedAccount(world)] as const
      const first = await requestEmailChange(world, accounts[0], newEmail)
      const second = await requestEmailChange(world, accounts[1], newEmail, 2)
      // Requests alternate between the instances. In pairs, each token reaches both instances.
      const tokens = [first.token, second.token]
      const replies = await sendSimultaneously(
        urls,
        times(12, i => confirmRequest(tokens[(i >> 1) % 2] ?? '')),
      )
      const winner = replies.findIndex(({ status }) => status === 200) & 2 ? 1 : 0
      // A repeated confirmation of the winner succeeds as well.
      for (const [i, reply] of replies.entries())
        t.true(((i >> 1) % 2 === winner && reply.status === 200) || isRefused(reply), `${i} ${reply.status}`)
      t.true(replies.some(({ status }) => status === 200))

      const loser = accounts[winner ? 0 : 1]
      t.is((await rowOf(world, accounts[winner].userId)).email, newEmail)
      t.like(await rowOf(world, loser.userId), { email: loser.email, email_verified: true })
      t.is(await countEvents(world, loser.userId, 'email.changed'), 0)
      const undos = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND recipient = $1`, [
        loser.email,
      ])
      t.is(undos.length, 0, 'no notice of a change')
      t.is((await client.post('login', { email: loser.email, password })).status, 200)
      const later = await confirm((winner ? first : second).token)
      t.true(isRefused(later))
      t.is((await rowOf(world, loser.userId)).email, loser.email)
    }
  })

  test('the new address is registered before the confirmation → 409, and the registered account keeps it', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const owner = await anAccount(client, { email: newEmail })
    for (const body of [{ token }, { email: newEmail, code }]) {
      const reply = await client.post('confirm-email', body)
      t.is(reply.status, 409)
      t.is(reply.body.code, 'DUPLICATE_ENTRY')
      t.is(reply.body.detail, 'Another account has this email address.')
    }
    t.is((await rowOf(world, account.userId)).email, account.email)
    t.like(await rowOf(world, owner.userId), { email: newEmail, email_verified: false })
    t.is((await client.post('login', { email: account.email, password })).status, 200)
  })

  test('registration and confirmation of one address at once → exactly one of them gets it', async t => {
    for (let round = 0; round < 5; round++) {
      const account = await aVerifiedAccount(world)
      const newEmail = anEmail()
      const { token } = await requestEmailChange(world, account, newEmail)
      const requests = times(12, i =>
        i % 3 === round % 3
          ? confirmRequest(token)
          : { path: 'register', body: { email: newEmail, password: `a phrase of number ${i}` } },
      )
      const replies = await sendSimultaneously(urls, requests)
      const moves = replies.filter((_, i) => i % 3 === round % 3)
      const registrations = replies.filter((_, i) => i % 3 !== round % 3)
      const moved = moves.find(({ status }) => status === 200)
      const registered = registrations.find(({ status }) => status === 201)
      t.deepEqual(statusesOf(registrations), moved ? { 409: 8 } : { 201: 1, 409: 7 })
      t.true(moves.every(reply => (moved ? reply.status === 200 : isRefused(reply))))
      const rows = await world.sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [newEmail])
      t.deepEqual(rows, [{ id: moved ? account.userId : registered?.body.user.id }])
    }
  })

  test('two accounts request the same new address → each code changes only its own account', async t => {
    const [first, last] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const newEmail = anEmail()
    const ofFirst = await requestEmailChange(world, first, newEmail)
    const ofLast = await requestEmailChange(world, last, newEmail, 2)
    t.is((await client.post('confirm-email', { email: newEmail, code: ofFirst.code })).status, 200)
    t.is((await rowOf(world, first.userId)).email, newEmail)
    t.is((await client.post('confirm-email', { email: newEmail, code: ofLast.code })).status, 409)
    t.is((await confirm(ofLast.token)).status, 409)
    t.is((await rowOf(world, last.userId)).email, last.email)
  })
}

{
  // Race conditions: several confirmations of one account, and the owner's undo while an attacker acts.

  const { client } = world
  const urls = [world.url, other.url]

  const requestWithToken = (path: string, token: string): HttpRequest => ({ path, body: { token } })
  const noServerError = (replies: Reply[]) =>
    replies.every(({ status }) => [200, 204, 401, 403, 409].includes(status))

  /** An account whose email was changed, and the token that undoes the change. */
  const aChangedAccount = async (): Promise<Account & { newEmail: string; undo: string }> => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token } = await requestEmailChange(world, account, newEmail)
    const { status } = await client.post('confirm-email', { token })
    if (status !== 200) throw new Error(`confirm-email answered ${status}`)
    const { token: undo } = await waitForLink(world, account.email, 'undo-email-change')
    return { ...account, newEmail, undo }
  }

  test('simultaneous confirmations of an older and a newer request → the newer wins, one event and notice', async t => {
    for (let round = 0; round < 4; round++) {
      const account = await aVerifiedAccount(world)
      const [first, second] = [anEmail(), anEmail()]
      const old = await requestEmailChange(world, account, first)
      const late = await requestEmailChange(world, account, second)
      const confirmRequests: HttpRequest[] = [
        requestWithToken('confirm-email', old.token),
        requestWithToken('confirm-email', late.token),
        { path: 'confirm-email', body: { email: first, code: old.code } },
        { path: 'confirm-email', body: { email: second, code: late.code } },
      ]
      // Rotate the order, so that each request reaches both instances.
      const requests = Array.from({ length: 6 }, (_, i) => [
        ...confirmRequests.slice(i % 4),
        ...confirmRequests.slice(0, i % 4),
      ]).flat()
      const replies = await sendSimultaneously(urls, requests)
      const moved = replies.filter(({ status }) => status === 200)
      t.true(moved.length >= 1)
      for (const { body } of moved) t.is(body.email, second)
      t.true(replies.every(({ status }) => status === 200 || status === 401))
      t.is((await rowOf(world, account.userId)).email, second)
      t.is(await countEvents(world, account.userId, 'email.changed'), 1)
      await untilNoEmailQueued(world)
      const notices = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND user_id = $1`, [
        account.userId,
      ])
      t.is(notices.length, 1)
    }
  })

  test('40 simultaneous undo requests → all succeed, one event, one reset email', async t => {
    const { userId, email, access, undo } = await aChangedAccount()
    const replies = await sendSimultaneously(urls, times(40, requestWithToken('undo-email-change', undo)))
    t.deepEqual(statusesOf(replies), { 200: 40 })
    t.like(await rowOf(world, userId), { email, password_hash: null })
    t.is(await countEvents(world, userId, 'email.change_undone'), 1)
    t.is((await client.get('me', { token: access })).status, 401)
    await untilNoEmailQueued(world)
    const resetEmails = await world.sql(
      `SELECT 1 FROM emails WHERE kind = 'reset_password' AND user_id = $1`,
      [userId],
    )
    t.is(resetEmails.length, 1)
  })

  test('the owner undoes while the attacker confirms another change → the owner has the account', async t => {
    for (let round = 0; round < 5; round++) {
      const attacker = await aChangedAccount()
      const { token } = await requestEmailChange(world, attacker, anEmail())
      const requests = times(9, () => requestWithToken('confirm-email', token))
      const replies = await sendSimultaneously(
        urls,
        requests.toSpliced(round * 2, 0, requestWithToken('undo-email-change', attacker.undo)),
      )
      t.true(noServerError(replies))
      t.is(replies[round * 2]?.status, 200)
      t.like(await rowOf(world, attacker.userId), {
        email: attacker.email,
        email_verified: true,
        password_hash: null,
      })
      t.is((await client.post('confirm-email', { token })).status, 401)
      // If the attacker's change came first, it has mailed an undo link to the attacker. That link must not work.
      await untilNoEmailQueued(world)
      const usableUndoLinks = await world.sql(
        `SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'email_changed' AND proof_spent_at IS NULL`,
        [attacker.userId],
      )
      t.is(usableUndoLinks.length, 0)
    }
  })

  test('the owner undoes while the attacker uses the password → all sessions and the password are revoked', async t => {
    for (let round = 0; round < 5; round++) {
      const attacker = await aChangedAccount()
      const { access, refresh, newEmail } = attacker
      const next = 'a phrase of an attacker 3'
      const change = { path: 'change-password', body: { current_password: password, new_password: next } }
      const requests: HttpRequest[] = [
        { path: 'login', body: { email: newEmail, password } },
        { path: 'refresh', body: { refresh_token: refresh } },
        { ...change, token: access },
        { path: 'login', body: { email: newEmail, password } },
        { method: 'DELETE', path: 'me', body: { password }, token: access },
        { path: 'refresh', body: { refresh_token: refresh } },
      ]
      const at = round + 1
      const replies = await sendSimultaneously(
        urls,
        requests.toSpliced(at, 0, requestWithToken('undo-email-change', attacker.undo)),
      )
      t.true(noServerError(replies))
      t.is(replies[at]?.status, 200)
      t.like(await rowOf(world, attacker.userId), {
        email: attacker.email,
        password_hash: null,
        erase_after: null,
      })
      for (const { body } of replies.filter(({ body }) => body?.access_token)) {
        t.is((await client.get('me', { token: body.access_token })).status, 401)
        t.is((await other.client.post('refresh', { refresh_token: body.refresh_token })).status, 401)
      }
      for (const email of [attacker.email, newEmail])
        for (const word of [password, next])
          t.is((await client.post('login', { email, password: word })).status, 401)
    }
  })

  test('the owner undoes while others register the old address → the owner gets the address', async t => {
    for (let round = 0; round < 4; round++) {
      const { userId, email, undo } = await aChangedAccount()
      const requests = times(9, () => ({
        path: 'register',
        body: { email, password: 'a phrase of an attacker 3' },
      }))
      const replies = await sendSimultaneously(
        urls,
        requests.toSpliced(round * 3, 0, requestWithToken('undo-email-change', undo)),
      )
      t.true(replies.every(({ status }) => [200, 201, 409].includes(status)))
      // The first undo may find the address taken. A second one must succeed.
      if (replies[round * 3]?.status !== 200)
        t.is((await client.post('undo-email-change', { token: undo })).status, 200)
      t.like(await rowOf(world, userId), { email, email_verified: true })
      t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 1)
      for (const { body } of replies.filter(({ status }) => status === 201))
        t.is((await client.get('me', { token: body.access_token })).status, 401)
    }
  })
}

{
  const world = expiryWorld
  const { client, travel } = world

  const minute = 60_000
  const day = 24 * 60 * minute

  test('confirmation after almost 24 hours → 200; after more than 24 hours → 401', async t => {
    const [inTime, late] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const [inTimeEmail, lateEmail] = [anEmail(), anEmail()]
    const inTimeLink = await requestEmailChange(world, inTime, inTimeEmail)
    const lateLink = await requestEmailChange(world, late, lateEmail)
    try {
      await travel(day - minute)
      t.is((await client.post('confirm-email', { token: inTimeLink.token })).status, 200)
      await travel(day + 1000)
      for (const body of [{ token: lateLink.token }, { email: lateEmail, code: lateLink.code }]) {
        const reply = await client.post('confirm-email', body)
        t.is(reply.status, 401)
        t.is(reply.body.code, 'INVALID_TOKEN')
      }
      t.is((await rowOf(world, late.userId)).email, late.email)
    } finally {
      await travel(0)
    }
  })

  test('undo after almost 7 days → 200; after more than 7 days → 401', async t => {
    const [inTime, late] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const lateEmail = anEmail()
    await changeEmail(world, inTime, anEmail())
    await changeEmail(world, late, lateEmail)
    const inTimeLink = await waitForLink(world, inTime.email, 'undo-email-change')
    const lateLink = await waitForLink(world, late.email, 'undo-email-change')
    try {
      await travel(7 * day - minute)
      t.is((await client.post('undo-email-change', { token: inTimeLink.token })).status, 200)
      await travel(7 * day + 1000)
      const reply = await client.post('undo-email-change', { token: lateLink.token })
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
      t.is((await rowOf(world, inTime.userId)).email, inTime.email)
      t.is((await rowOf(world, late.userId)).email, lateEmail)
    } finally {
      await travel(0)
    }
  })
}
