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

// A move to another address: pending until its own link or code confirms it, once.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
const linksExpireWorld = await openWorld({ worker: true })
anyTest.after.always(async () => {
  for (const each of [world, linksExpireWorld]) await each[Symbol.asyncDispose]()
})

{
  // An account keeps its address until the mailbox of the new one has answered: a mistyped address must not get it.

  const { client } = world

  const login = (email: string, password: string) => client.post('login', { email, password })
  const askedFor = (email: string) =>
    world.sql<{ status: string }>(
      `SELECT status FROM emails WHERE kind = 'email_change' AND recipient = $1 ORDER BY id`,
      [email],
    )

  for (const by of ['token', 'code'] as const)
    test(`nothing moves before the new address confirms, here by the ${by} of its mail`, async t => {
      const account = await aVerifiedAccount(world)
      const { email, password, access, userId } = account
      const before = await rowOf(world, userId)
      const newEmail = anEmail()
      const { token, code, caught } = await requestEmailChange(world, account, newEmail)
      t.deepEqual(caught.to, [newEmail])
      t.is(caught.mail.subject, 'Confirm your new e-mail address')
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

  test('after the move the new address signs in, and the old one is as unknown as any', async t => {
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

    const stranger = await anAccount(client, { email: account.email })
    t.not(stranger.userId, account.userId, 'the old address is free')
  })

  test('a wrong password moves nothing, and mails nobody', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    for (const password of ['wrong horse 9', account.password.toUpperCase(), `${account.password} `]) {
      const reply = await postChangeEmail(client, { ...account, password }, newEmail)
      t.is(reply.status, 403)
      t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
    }
    t.is((await client.post('change-email', { new_email: newEmail }, { token: account.access })).status, 400)
    const stranger = { current_password: account.password, new_email: newEmail }
    t.is((await client.post('change-email', stranger)).status, 401, 'nor does the password alone')
    t.deepEqual(await askedFor(newEmail), [])
  })

  test('a taken address is answered like a free one, and its owner is not bothered', async t => {
    const [account, neighbour] = [await anAccount(client), await aVerifiedAccount(world)]
    await untilNoEmailQueued(world)
    const heard = async () => (await world.mails.sentTo(neighbour.email)).length
    const before = await heard()
    const free = await postChangeEmail(client, account, anEmail())
    const names = ({ headers }: { headers: ReplyHeaders }) => [...headers.keys()].sort()
    for (const taken of [neighbour.email, neighbour.email.toUpperCase(), account.email]) {
      const reply = await postChangeEmail(client, account, taken)
      t.is(reply.status, 202)
      t.is(reply.text, free.text)
      t.deepEqual(names(reply), names(free))
    }
    await untilNoEmailQueued(world)
    t.is(await heard(), before)
    t.deepEqual(
      (await askedFor(neighbour.email)).map(({ status }) => status),
      ['dropped', 'dropped'],
    )
    const guess = await client.post('confirm-email', { email: neighbour.email, code: '000000' })
    const unknown = await client.post('confirm-email', { email: anEmail(), code: '000000' })
    t.is(guess.status, 401)
    t.deepEqual({ ...guess.body, request_id: '' }, { ...unknown.body, request_id: '' })
  })

  const good = anEmail()
  const hostile: Record<string, unknown> = {
    'a list': [good, 'evil@evil.test'],
    'a list of one': [good],
    'an object': { address: good },
    null: null,
    'a number': 7,
    'two by comma': `${good},evil@evil.test`,
    'two by semicolon': `${good};evil@evil.test`,
    'two by space': `${good} evil@evil.test`,
    'a quoted recipient': '"evil@evil.test x"@example.com',
    'a name before': `Ana <${good}>`,
    'a line break and a header': `${good}\r\nBcc: evil@evil.test`,
    'a line break before': `\r\n${good}`,
    'a NUL': `${good}\0@evil.test`,
    'a second at sign': `${good}@evil.test`,
    'a source route': `@evil.test:${good}`,
    'a wide at sign': good.replace('@', '＠'),
    'a dotless i': 'mıke@example.com',
    'a Kelvin sign': 'mi\u212Ae@example.com',
    'a Cyrillic a': 'm\u0430rk@example.com',
    'an invisible letter': good.replace('example', 'exam\u200Dple'),
    'an address literal': 'mark@[127.0.0.1]',
    empty: '',
  }
  test('what is not one plain address is refused, and nobody is mailed', async t => {
    const account = await anAccount(client)
    for (const [what, newEmail] of Object.entries(hostile)) {
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

  test('who asks cannot name another account, or confirm in the same breath', async t => {
    const [account, victim] = [await anAccount(client), await anAccount(client)]
    const newEmail = anEmail()
    for (const more of [{ user_id: victim.userId }, { email: victim.email }, { email_verified: true }]) {
      const body = { current_password: account.password, new_email: newEmail, ...more }
      t.is((await client.post('change-email', body, { token: account.access })).status, 400)
    }
    t.deepEqual(await askedFor(newEmail), [])
  })
}

{
  // The mail to a new address moves the account once, and only the newest does. Mail scanners open links: that moves
  // nothing.

  const { client } = world

  const confirm = (body: object, at = client) => at.post('confirm-email', body)

  test('twenty at once at two instances → twenty successes, one event, one email to the old address', async t => {
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

  test('the newest request counts: an older link and an older code are dead', async t => {
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

  test('five guesses at a code close it; the link goes on working', async t => {
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

  test('opening the link moves nothing, however often; its button does', async t => {
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

  test('opening the link of the old address undoes nothing; its button does', async t => {
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
    t.is((await confirm({ token })).body.code, 'INVALID_TOKEN', 'the move was undone')
  })

  test('no part of a mail, and no mail of another account, moves one or takes one back', async t => {
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
    for (const door of ['confirm-email', 'undo-email-change'])
      for (const token of [...forged, mine.access, mine.refresh, 'lkp_', ' ']) {
        const { status, body } = await client.post(door, { token })
        t.is(status, 401, door)
        t.is(body.code, 'INVALID_TOKEN', door)
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
  // An address is free until the moment of the move, and of several who are let in by its mailbox one gets it.

  const { client } = world

  const urls = [world.url, other.url]
  const confirm = (token: string) => client.post('confirm-email', { token })
  const confirmation = (token: string) => ({ path: 'confirm-email', body: { token } })
  const refused = ({ status, body }: { status: number; body: { code: string } }) =>
    (status === 409 && body.code === 'DUPLICATE_ENTRY') || (status === 401 && body.code === 'INVALID_TOKEN')

  test('two who race to one address: one gets it, the other keeps what it had', async t => {
    for (let round = 0; round < 5; round++) {
      const newEmail = anEmail()
      const racers = [await aVerifiedAccount(world), await aVerifiedAccount(world)] as const
      const first = await requestEmailChange(world, racers[0], newEmail)
      const second = await requestEmailChange(world, racers[1], newEmail, 2)
      // Pairs of the same, so that each of the two is at each instance.
      const tokens = [first.token, second.token]
      const replies = await sendSimultaneously(
        urls,
        times(12, i => confirmation(tokens[(i >> 1) % 2] ?? '')),
      )
      const winner = replies.findIndex(({ status }) => status === 200) & 2 ? 1 : 0
      // A repeat gets the answer of the first, once that has won.
      for (const [i, reply] of replies.entries())
        t.true(((i >> 1) % 2 === winner && reply.status === 200) || refused(reply), `${i} ${reply.status}`)
      t.true(replies.some(({ status }) => status === 200))

      const loser = racers[winner ? 0 : 1]
      t.is((await rowOf(world, racers[winner].userId)).email, newEmail)
      t.like(await rowOf(world, loser.userId), { email: loser.email, email_verified: true })
      t.is(await countEvents(world, loser.userId, 'email.changed'), 0)
      const undos = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND recipient = $1`, [
        loser.email,
      ])
      t.is(undos.length, 0, 'and hears of no move')
      t.is((await client.post('login', { email: loser.email, password })).status, 200)
      const later = await confirm((winner ? first : second).token)
      t.true(refused(later))
      t.is((await rowOf(world, loser.userId)).email, loser.email)
    }
  })

  test('somebody registers the address meanwhile: it is theirs', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const owner = await anAccount(client, { email: newEmail })
    for (const body of [{ token }, { email: newEmail, code }]) {
      const reply = await client.post('confirm-email', body)
      t.is(reply.status, 409)
      t.is(reply.body.code, 'DUPLICATE_ENTRY')
      t.is(reply.body.detail, 'Another account has this email address by now.')
    }
    t.is((await rowOf(world, account.userId)).email, account.email)
    t.like(await rowOf(world, owner.userId), { email: newEmail, email_verified: false })
    t.is((await client.post('login', { email: account.email, password })).status, 200)
  })

  test('a registration and a move to one address at the same moment: one of them has it', async t => {
    for (let round = 0; round < 5; round++) {
      const account = await aVerifiedAccount(world)
      const newEmail = anEmail()
      const { token } = await requestEmailChange(world, account, newEmail)
      const requests = times(12, i =>
        i % 3 === round % 3
          ? confirmation(token)
          : { path: 'register', body: { email: newEmail, password: `a phrase of number ${i}` } },
      )
      const replies = await sendSimultaneously(urls, requests)
      const moves = replies.filter((_, i) => i % 3 === round % 3)
      const registrations = replies.filter((_, i) => i % 3 !== round % 3)
      const moved = moves.find(({ status }) => status === 200)
      const registered = registrations.find(({ status }) => status === 201)
      t.deepEqual(statusesOf(registrations), moved ? { 409: 8 } : { 201: 1, 409: 7 })
      t.true(moves.every(reply => (moved ? reply.status === 200 : refused(reply))))
      const rows = await world.sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [newEmail])
      t.deepEqual(rows, [{ id: moved ? account.userId : registered?.body.user.id }])
    }
  })

  test('of two who ask for one address each code moves its own account, whoever asked last', async t => {
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
  // Moves of one account that arrive together, and the owner's way back beside what a thief does meanwhile.

  const { client } = world
  const urls = [world.url, other.url]

  const by = (path: string, token: string): HttpRequest => ({ path, body: { token } })
  const noFault = (replies: Reply[]) =>
    replies.every(({ status }) => [200, 204, 401, 403, 409].includes(status))

  /** An account that moved, with the link that takes the move back. */
  const aMoved = async (): Promise<Account & { newEmail: string; undo: string }> => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { token } = await requestEmailChange(world, account, newEmail)
    const { status } = await client.post('confirm-email', { token })
    if (status !== 200) throw new Error(`confirm-email answered ${status}`)
    const { token: undo } = await waitForLink(world, account.email, 'undo-email-change')
    return { ...account, newEmail, undo }
  }

  test('of two moves that are pending the account makes one, once, and it is the newest', async t => {
    for (let round = 0; round < 4; round++) {
      const account = await aVerifiedAccount(world)
      const [first, second] = [anEmail(), anEmail()]
      const old = await requestEmailChange(world, account, first)
      const late = await requestEmailChange(world, account, second)
      const ways: HttpRequest[] = [
        by('confirm-email', old.token),
        by('confirm-email', late.token),
        { path: 'confirm-email', body: { email: first, code: old.code } },
        { path: 'confirm-email', body: { email: second, code: late.code } },
      ]
      // In another order each time, so that each is at each instance.
      const requests = Array.from({ length: 6 }, (_, i) => [
        ...ways.slice(i % 4),
        ...ways.slice(0, i % 4),
      ]).flat()
      const replies = await sendSimultaneously(urls, requests)
      const moved = replies.filter(({ status }) => status === 200)
      t.true(moved.length >= 1)
      for (const { body } of moved) t.is(body.email, second)
      t.true(replies.every(({ status }) => status === 200 || status === 401))
      t.is((await rowOf(world, account.userId)).email, second)
      t.is(await countEvents(world, account.userId, 'email.changed'), 1)
      await untilNoEmailQueued(world)
      const told = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND user_id = $1`, [
        account.userId,
      ])
      t.is(told.length, 1)
    }
  })

  test('forty at once who take a move back → forty successes, one event, one email with a reset', async t => {
    const { userId, email, access, undo } = await aMoved()
    const replies = await sendSimultaneously(urls, times(40, by('undo-email-change', undo)))
    t.deepEqual(statusesOf(replies), { 200: 40 })
    t.like(await rowOf(world, userId), { email, password_hash: null })
    t.is(await countEvents(world, userId, 'email.change_undone'), 1)
    t.is((await client.get('me', { token: access })).status, 401)
    await untilNoEmailQueued(world)
    const offers = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND user_id = $1`, [
      userId,
    ])
    t.is(offers.length, 1)
  })

  test('the way back beside another move of the thief ends at the owner, whichever comes first', async t => {
    for (let round = 0; round < 5; round++) {
      const thief = await aMoved()
      const { token } = await requestEmailChange(world, thief, anEmail())
      const requests = times(9, () => by('confirm-email', token))
      const replies = await sendSimultaneously(
        urls,
        requests.toSpliced(round * 2, 0, by('undo-email-change', thief.undo)),
      )
      t.true(noFault(replies))
      t.is(replies[round * 2]?.status, 200)
      t.like(await rowOf(world, thief.userId), {
        email: thief.email,
        email_verified: true,
        password_hash: null,
      })
      t.is((await client.post('confirm-email', { token })).status, 401)
      // A move that came first has mailed a way back of its own, to the thief: that one is worth nothing.
      await untilNoEmailQueued(world)
      const open = await world.sql(
        `SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'email_changed' AND proof_spent_at IS NULL`,
        [thief.userId],
      )
      t.is(open.length, 0)
    }
  })

  test('the way back beside what the thief does with the password ends every session and it', async t => {
    for (let round = 0; round < 5; round++) {
      const thief = await aMoved()
      const { access, refresh, newEmail } = thief
      const next = 'a phrase of a thief 3'
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
        requests.toSpliced(at, 0, by('undo-email-change', thief.undo)),
      )
      t.true(noFault(replies))
      t.is(replies[at]?.status, 200)
      t.like(await rowOf(world, thief.userId), { email: thief.email, password_hash: null, erase_after: null })
      for (const { body } of replies.filter(({ body }) => body?.access_token)) {
        t.is((await client.get('me', { token: body.access_token })).status, 401)
        t.is((await other.client.post('refresh', { refresh_token: body.refresh_token })).status, 401)
      }
      for (const email of [thief.email, newEmail])
        for (const word of [password, next])
          t.is((await client.post('login', { email, password: word })).status, 401)
    }
  })

  test('whoever registers the address that an owner comes back to does not keep them out', async t => {
    for (let round = 0; round < 4; round++) {
      const { userId, email, undo } = await aMoved()
      const requests = times(9, () => ({
        path: 'register',
        body: { email, password: 'a phrase of a thief 3' },
      }))
      const replies = await sendSimultaneously(
        urls,
        requests.toSpliced(round * 3, 0, by('undo-email-change', undo)),
      )
      t.true(replies.every(({ status }) => [200, 201, 409].includes(status)))
      // At the very moment the address may be taken; the link goes on working.
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
  const world = linksExpireWorld
  const { client, travel } = world

  const minute = 60_000
  const day = 24 * 60 * minute

  test('a new address confirms within 24 hours, and not after', async t => {
    const [slow, late] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const [slowEmail, lateEmail] = [anEmail(), anEmail()]
    const ofSlow = await requestEmailChange(world, slow, slowEmail)
    const ofLate = await requestEmailChange(world, late, lateEmail)
    try {
      await travel(day - minute)
      t.is((await client.post('confirm-email', { token: ofSlow.token })).status, 200)
      await travel(day + 1000)
      for (const body of [{ token: ofLate.token }, { email: lateEmail, code: ofLate.code }]) {
        const reply = await client.post('confirm-email', body)
        t.is(reply.status, 401)
        t.is(reply.body.code, 'INVALID_TOKEN')
      }
      t.is((await rowOf(world, late.userId)).email, late.email)
    } finally {
      await travel(0)
    }
  })

  test('an old address takes the change back within 7 days, and not after', async t => {
    const [slow, late] = [await aVerifiedAccount(world), await aVerifiedAccount(world)]
    const lateEmail = anEmail()
    await changeEmail(world, slow, anEmail())
    await changeEmail(world, late, lateEmail)
    const ofSlow = await waitForLink(world, slow.email, 'undo-email-change')
    const ofLate = await waitForLink(world, late.email, 'undo-email-change')
    try {
      await travel(7 * day - minute)
      t.is((await client.post('undo-email-change', { token: ofSlow.token })).status, 200)
      await travel(7 * day + 1000)
      const reply = await client.post('undo-email-change', { token: ofLate.token })
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
      t.is((await rowOf(world, slow.userId)).email, slow.email)
      t.is((await rowOf(world, late.userId)).email, lateEmail)
    } finally {
      await travel(0)
    }
  })
}
