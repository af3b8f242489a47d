import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mock } from 'node:test'
import { gzipSync } from 'node:zlib'
import anyTest from 'ava'
import { readConfig } from '../../../src/platform/config/config.ts'
import { sampleEvent } from '../../../src/shop/gateway-stub/sample-events.ts'
import { verifySignature } from '../../../src/shop/purchases/verify-signature.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import {
  aVerifiedAccount,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from '../email-change/change-email.ts'
import { sendRaw, withContent } from '../http/raw-request.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'
import { accountWithMailedPassword } from './account-with-mailed-password.ts'
import { openShop, price, secret, webhookPath } from './shop.ts'

// Who gets what was paid for: forged events, guests, and a service that sells nothing.

const test = anyTest.serial

const next = `whsec_${randomBytes(24).toString('base64')}`
const shop = await openShop({ worker: true })
const webhookForgedShop = await openShop({ env: { RECURRENTE_WEBHOOK_SECRET: `${secret},${next}` } })
const purchase = await webhookForgedShop.aPurchase()
const untouched = await webhookForgedShop.rowOf(purchase.id)
const world = await openWorld()
const { access: token } = await anAdmin(world)
anyTest.after.always(async () => {
  for (const each of [shop, webhookForgedShop, world]) await each[Symbol.asyncDispose]()
})

{
  // Whose a purchase is that a guest has paid: the mailbox's, and nobody's who was there before it.

  const { client } = shop

  /** A guest's purchase, paid. */
  const paidPurchase = async (given: Parameters<typeof shop.aPurchase>[0] = {}) => {
    const purchase = await shop.aPurchase(given)
    const { status } = await shop.sendEvent('payment_intent.succeeded', purchase)
    if (status !== 204) throw new Error(`the event was answered ${status}`)
    return purchase
  }

  const buyerOf = async (id: string) => rowOf(shop, (await shop.rowOf(id)).user_id ?? '')

  const mailsTo = async (email: string) => shop.mails.sentTo(email)

  const purchasesOf = async (token: string): Promise<string[]> => {
    const { status, body } = await client.get('/api/v1/purchases', { token })
    if (status !== 200) throw new Error(`purchases answered ${status}`)
    return body.data.map(({ id }: { id: string }) => id)
  }

  const signIn = async (email: string, password: string): Promise<string> => {
    const { status, body } = await client.post('login', { email, password })
    if (status !== 200) throw new Error(`login answered ${status}`)
    return body.access_token
  }

  test('a guest gets an account without a password, and chooses one by the mailed link, once', async t => {
    const { id, email } = await paidPurchase()
    t.like(await buyerOf(id), {
      email,
      full_name: 'Ada Lovelace',
      email_verified: false,
      password_hash: null,
    })
    const { token } = await waitForLink(shop, email, 'reset-password')
    t.is((await client.post('login', { email, password: newPassword })).status, 401)

    t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
    t.true((await buyerOf(id)).email_verified)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [id])

    t.is((await client.post('reset-password', { token, new_password: 'another phrase 8' })).status, 401)
    await signIn(email, newPassword)
    await untilNoEmailQueued(shop)
    const owed = (await shop.emailKindsTo(email)).filter(kind => kind !== 'new_device')
    t.deepEqual(owed, ['password_changed', 'purchase_confirmation', 'welcome_guest'])
  })

  test('the confirmation names the site, the price and the purchase', async t => {
    const { id, email } = await paidPurchase()
    await untilNoEmailQueued(shop)
    const texts = (await mailsTo(email)).map(({ mail }) => mail.text ?? '')
    const confirmation = texts.find(text => text.includes(id)) ?? ''
    t.true(confirmation.includes('Corner bakery'))
    t.regex(confirmation, /125[.,]00/)
    t.notRegex(confirmation, /token=|lkp_/)
    t.is(texts.length, 2)
  })

  test('the code of the mail chooses a password as well', async t => {
    const { id, email } = await paidPurchase()
    const { code, token } = await waitForLink(shop, email, 'reset-password')
    t.is((await client.post('reset-password', { email, code, new_password: newPassword })).status, 204)
    t.is(
      (await client.post('reset-password', { token, new_password: newPassword })).status,
      204,
      'the same again',
    )
    t.is((await client.post('reset-password', { token, new_password: 'another horse 10' })).status, 401)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [id])
  })

  test('a guest who buys twice gets one account, and the newer link works', async t => {
    const first = await paidPurchase()
    const { email } = first
    await waitForLink(shop, email, 'reset-password')
    const second = await paidPurchase({ email })
    const { token } = await waitForLink(shop, email, 'reset-password', 2)
    t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [second.id, first.id])
  })

  test('the mails are in the language of whoever bought', async t => {
    const { email } = await paidPurchase({ headers: { 'accept-language': 'es-GT,es;q=0.9,en;q=0.1' } })
    await untilNoEmailQueued(shop)
    const subjects = ['welcome_guest', 'purchase_confirmation'].map(kind => {
      const words = new URL(`../../../templates/es/${kind}.json`, import.meta.url)
      return JSON.parse(readFileSync(words, 'utf8')).subject.replace('{{brand}}', 'Latchkey')
    })
    t.deepEqual((await mailsTo(email)).map(({ mail }) => mail.subject).sort(), subjects.sort())
  })

  test('an address is one, however it is written', async t => {
    const { email, userId } = await accountWithMailedPassword(shop)
    const { id } = await paidPurchase({ email: ` ${email.toUpperCase()} ` })
    t.is((await shop.rowOf(id)).user_id, userId)
  })

  test('a mailed link has set the password of an account → the account gets the purchase, and nothing of it ends', async t => {
    const account = await accountWithMailedPassword(shop)
    const before = await rowOf(shop, account.userId)
    const { id } = await paidPurchase({ email: account.email })
    t.deepEqual(await rowOf(shop, account.userId), before)
    t.deepEqual(await purchasesOf(account.access), [id])
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
    await signIn(account.email, account.password)
    await untilNoEmailQueued(shop)
    t.false((await shop.emailKindsTo(account.email)).includes('welcome_guest'))
    t.true((await shop.emailKindsTo(account.email)).includes('purchase_confirmation'))
  })

  test('a squatter who closes the account of an address does not take its purchases away', async t => {
    const squatter = await anAccount(client)
    const { email, password, access: token } = squatter
    t.is((await client.send('DELETE', 'me', { body: { password }, token })).status, 204)
    const { id } = await paidPurchase({ email })
    const { token: chosen } = await waitForLink(shop, email, 'reset-password')
    t.is((await client.post('reset-password', { token: chosen, new_password: newPassword })).status, 204)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [id])
  })

  test('whoever buys while they are signed in keeps all that they have, verified or not', async t => {
    const account = await anAccount(client)
    const { token } = await waitForLink(shop, account.email, 'verify-email')
    const before = await rowOf(shop, account.userId)
    const { id } = await paidPurchase({ token: account.access, email: account.email })
    t.is((await shop.rowOf(id)).user_id, account.userId)
    t.deepEqual(await rowOf(shop, account.userId), before)
    t.deepEqual(await purchasesOf(account.access), [id])
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
    t.is((await client.post('verify-email', { token })).status, 200)
    await untilNoEmailQueued(shop)
    t.false((await shop.emailKindsTo(account.email)).includes('welcome_guest'))
  })

  test('a purchase goes with its buyer to another address', async t => {
    const account = await aVerifiedAccount(shop)
    const purchase = await shop.aPurchase({ token: account.access, email: account.email })
    const moved = anEmail()
    const { token } = await requestEmailChange(shop, account, moved)
    t.is((await client.post('confirm-email', { token })).status, 200)
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await shop.rowOf(purchase.id)).user_id, account.userId)
    await untilNoEmailQueued(shop)
    t.deepEqual(await shop.emailKindsTo(moved), ['email_change', 'purchase_confirmation'])
  })

  test('a deactivated account gets its purchase and is told of it, and stays closed', async t => {
    const account = await accountWithMailedPassword(shop)
    const path = `/api/v1/admin/users/${account.userId}`
    t.is((await client.patch(path, { is_active: false }, { token: shop.admin })).status, 200)
    const { id, email } = await paidPurchase({ email: account.email })
    t.is((await shop.rowOf(id)).user_id, account.userId)
    await untilNoEmailQueued(shop)
    t.true((await mailsTo(email)).some(({ mail }) => mail.text?.includes(id)))
    t.false((await shop.emailKindsTo(email)).includes('welcome_guest'))
    t.is((await client.post('login', { email, password: account.password })).status, 403)
  })

  test('an account that is erased takes address and name out of its purchases', async t => {
    const account = await aVerifiedAccount(shop)
    const bought = await paidPurchase({ token: account.access, email: account.email })
    const late = await shop.aPurchase({ token: account.access, email: account.email })
    await shop.sql(`UPDATE purchases SET status = 'expired' WHERE id = $1`, [late.id])
    await shop.sql(`UPDATE users SET erase_after = now() - interval '1 second' WHERE id = $1`, [
      account.userId,
    ])
    await untilNoEmailQueued(shop)
    t.true((await shop.run('eraseAccounts')) >= 1)
    await shop.run('forgetBuyers')
    const forgotten = { user_id: null, email: null, full_name: null }
    t.like(await shop.rowOf(bought.id), { ...forgotten, status: 'paid' })
    t.is((await shop.siteOf(bought.slug)).status, 'sold')
    t.is((await shop.rowOf(late.id)).email, account.email, 'it may be paid still')
    await shop.sql(`UPDATE purchases SET updated_at = now() - interval '31 days' WHERE id = $1`, [late.id])
    await shop.run('forgetBuyers')
    t.like(await shop.rowOf(late.id), forgotten)
  })

  test('a payment of somebody who is forgotten by then is told of, and sells nothing', async t => {
    const purchase = await shop.aPurchase()
    await shop.sql(`UPDATE purchases SET status = 'expired', email = NULL, full_name = NULL WHERE id = $1`, [
      purchase.id,
    ])
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
  })
}

{
  const shop = webhookForgedShop
  // Standard Webhooks, "Signature scheme". What is signed here is signed by hand, past the library that checks it.

  const stranger = `whsec_${randomBytes(32).toString('base64')}`

  const seconds = () => Math.floor(Date.now() / 1000)
  const anId = () => `msg_${randomBytes(12).toString('hex')}`

  type Bytes = string | Buffer

  const sign = (by: string, id: string, timestamp: string | number, body: Bytes): string => {
    const hmac = createHmac('sha256', Buffer.from(by.replace('whsec_', ''), 'base64'))
    return hmac.update(`${id}.${timestamp}.`).update(body).digest('base64')
  }

  type Sent = { id: string; timestamp: string; signature: string; body: Bytes }

  /** An event that is signed as it should be, but for what is said here before it is signed. */
  const signed = (
    body: Bytes,
    given: { id?: string; timestamp?: string | number; by?: string } = {},
  ): Sent => {
    const { id = anId(), timestamp = seconds(), by = secret } = given
    return { id, timestamp: String(timestamp), signature: `v1,${sign(by, id, timestamp, body)}`, body }
  }

  const headersOf = ({ id, timestamp, signature }: Sent, by = 'svix'): string[] => [
    `${by}-id: ${id}`,
    `${by}-timestamp: ${timestamp}`,
    `${by}-signature: ${signature}`,
  ]

  const send = ({ body }: Pick<Sent, 'body'>, headers: string[]) =>
    sendRaw(shop.url, withContent('POST', webhookPath, Buffer.byteLength(body), ...headers), body)

  const eventsKept = async () => (await shop.sql('SELECT FROM webhook_events')).length
  const keptAs = async (id: string) =>
    (await shop.sql<{ outcome: string }>('SELECT outcome FROM webhook_events WHERE id = $1', [id]))[0]
      ?.outcome

  const about = { checkoutId: purchase.checkoutId, purchaseId: purchase.id, email: purchase.email }
  const paid = sampleEvent('payment_intent.succeeded', {
    ...{ ...about, paymentId: 'pa_forged' },
    ...{ amount: price, currency: 'GTQ' },
  })

  const sanitize = () =>
    JSON.stringify({ event_type: 'customer.created', note: anId(), city: 'Quetzaltenango ñ' })

  const good: [string, () => [Sent, string[]]][] = (
    [
      ['as it should be', sent => headersOf(sent)],
      ['under the names of the standard', sent => headersOf(sent, 'webhook')],
      ['the second of three signatures', other => headersOf(amid(other))],
      [
        'after one of a version to come',
        other => headersOf({ ...other, signature: `v1a,AAAA ${other.signature}` }),
      ],
      [
        'after what is no signature at all',
        other => headersOf({ ...other, signature: `v1 , v1, ${other.signature}` }),
      ],
      ['the last of sixteen', other => headersOf({ ...other, signature: `${wrong(15)} ${other.signature}` })],
    ] as [string, (sent: Sent) => string[]][]
  ).map(([what, write]) => [
    what,
    () => {
      const sent = signed(sanitize())
      return [sent, write(sent)]
    },
  ])

  const wrong = (count: number) =>
    Array.from({ length: count }, () => `v1,${randomBytes(32).toString('base64')}`).join(' ')
  const amid = (sent: Sent): Sent => ({ ...sent, signature: `${wrong(1)} ${sent.signature} ${wrong(1)}` })

  const alsoGood: [string, () => Sent][] = [
    ['by the second of two secrets', () => signed(sanitize(), { by: next })],
    ['290 s ago', () => signed(sanitize(), { timestamp: seconds() - 290 })],
    ['290 s ahead', () => signed(sanitize(), { timestamp: seconds() + 290 })],
    ['with an id of 200 characters', () => signed(sanitize(), { id: anId().padEnd(200, 'x') })],
    [
      'with spaces and line breaks in the body',
      () => signed(` {\r\n "event_type" :\t"customer.created" }\n`),
    ],
    ['of 60 kB', () => signed(JSON.stringify({ event_type: 'customer.created', note: 'x'.repeat(60_000) }))],
  ]

  for (const [what, make] of [
    ...good,
    ...alsoGood.map(([what, make]): [string, () => [Sent, string[]]] => [
      what,
      () => {
        const sent = make()
        return [sent, headersOf(sent)]
      },
    ]),
  ])
    test(`taken: signed ${what}`, async t => {
      const [sent, headers] = make()
      const reply = await send(sent, headers)
      t.is(reply.status, 204, reply.text)
      t.is(await keptAs(sent.id), 'ignored')
    })

  const but = (change: Partial<Sent>, given: Parameters<typeof signed>[1] = {}) => {
    const sent = { ...signed(paid, given), ...change }
    return { sent, headers: headersOf(sent) }
  }

  const without = (name: string) => {
    const { sent, headers } = but({})
    return { sent, headers: headers.filter(line => !line.startsWith(`svix-${name}:`)) }
  }

  const twice = (name: string, other?: (sent: Sent) => string) => {
    const { sent, headers } = but({})
    const line = headers.find(each => each.startsWith(`svix-${name}:`)) ?? ''
    return { sent, headers: [...headers, other ? `svix-${name}: ${other(sent)}` : line] }
  }

  const asSignature = (write: (encoded: string) => string) => {
    const sent = signed(paid)
    return but({ ...sent, signature: write(sent.signature.slice(3)) })
  }

  const parsed = JSON.parse(paid)
  const broken = Buffer.concat([Buffer.from(paid.slice(0, -2)), Buffer.from([0xff]), Buffer.from('"}')])

  const forged: [string, () => { sent: Sent; headers: string[] }][] = [
    ['with a secret that is none of ours', () => but({}, { by: stranger })],
    ['by a version that is not ours alone', () => asSignature(encoded => `v1a,${encoded}`)],
    ['without its version', () => asSignature(encoded => encoded)],
    ['with a bare v1', () => asSignature(() => 'v1')],
    ['with a v1 and nothing after it', () => asSignature(() => 'v1,')],
    ['with a signature and more', () => asSignature(encoded => `v1,${encoded},more`)],
    ['with a signature and a comma', () => asSignature(encoded => `v1,${encoded},`)],
    ['with no signature', () => asSignature(() => '')],
    ['in lower case', () => asSignature(encoded => `v1,${encoded.toLowerCase()}`)],
    ['with V1', () => asSignature(encoded => `V1,${encoded}`)],
    ['in hexadecimal', () => asSignature(it => `v1,${Buffer.from(it, 'base64').toString('hex')}`)],
    [
      'in the base64 of addresses',
      () => asSignature(it => `v1,${Buffer.from(it, 'base64').toString('base64url')}`),
    ],
    ['with half of it', () => asSignature(encoded => `v1,${encoded.slice(0, 22)}`)],
    ['behind more than sixteen others', () => asSignature(encoded => `${wrong(16)} v1,${encoded}`)],
    ['over another body', () => but({ body: paid.replace('Ada', 'Eve') })],
    ['over other spaces', () => but({ body: JSON.stringify(parsed, null, 1) })],
    [
      'over another order',
      () => but({ body: JSON.stringify(Object.fromEntries(Object.entries(parsed).reverse())) }),
    ],
    ['over a body with one byte more', () => but({ body: `${paid}\n` })],
    ['over no body', () => but({ signature: signed('').signature })],
    ['for another id', () => but({ id: anId() })],
    ['for another moment', () => but({ timestamp: String(seconds() - 1) })],
    ['with an id that has a dot', () => but({}, { id: 'msg_1.2' })],
    ['with an id of 201 characters', () => but({}, { id: 'x'.repeat(201) })],
    ['with an id that has a space', () => but({}, { id: 'msg_1 2' })],
    ['with an id that is no ASCII', () => but({}, { id: 'msg_é' })],
    ['with an empty id', () => but({}, { id: '' })],
    ...['123abc', '+123', '0123', '1e9', '0x10', '-5', '', 'NaN', '9'.repeat(30)].map(
      (timestamp): (typeof forged)[number] => [
        `at ${timestamp || 'no moment'}`,
        () => but({}, { timestamp }),
      ],
    ),
    // What reads a number off the beginning of a text takes each of these for the moment that was signed.
    ...['@abc', '@.5', '+@', '0@', '@e0', '@ 1', '@,1'].map((spelling): (typeof forged)[number] => [
      `at ${spelling}`,
      () => {
        const sent = signed(paid)
        return but({ ...sent, timestamp: spelling.replace('@', sent.timestamp) })
      },
    ]),
    ['in milliseconds', () => but({}, { timestamp: Date.now() })],
    ['301 s ago', () => but({}, { timestamp: seconds() - 301 })],
    ['too far ahead', () => but({}, { timestamp: seconds() + 330 })],
    ['without the id', () => without('id')],
    ['without the timestamp', () => without('timestamp')],
    ['without the signature', () => without('signature')],
    ['without any of the three', () => ({ sent: signed(paid), headers: [] })],
    ['with two ids', () => twice('id')],
    ['with two timestamps', () => twice('timestamp')],
    ['with another id behind', () => twice('id', anId)],
    [
      'under both names, with an id of its own',
      () => {
        const sent = signed(paid)
        return { sent, headers: [...headersOf(sent, 'webhook'), `svix-id: ${anId()}`] }
      },
    ],
    ['over bytes that are no UTF-8', () => ({ sent: signed(broken), headers: headersOf(signed(broken)) })],
    ['over bytes that are no UTF-8, as a text', () => but({ ...signed(broken.toString()), body: broken })],
  ]

  for (const [what, make] of forged)
    test(`refused, and nothing is written: signed ${what}`, async t => {
      const { sent, headers } = make()
      const reply = await send(sent, headers)
      t.is(reply.status, 401, reply.text)
      t.is((reply.body as { code: string }).code, 'INVALID_SIGNATURE')
      t.is(await keptAs(sent.id), undefined)
    })

  const unfit: [string, number, string, () => { sent: Sent; headers: string[] }][] = [
    ['no JSON', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":'))],
    ['nothing', 400, 'VALIDATION_ERROR', () => but(signed(''))],
    ['a list', 400, 'VALIDATION_ERROR', () => but(signed(`[${paid}]`))],
    ['null', 400, 'VALIDATION_ERROR', () => but(signed('null'))],
    ['a text', 400, 'VALIDATION_ERROR', () => but(signed('"payment_intent.succeeded"'))],
    ['an object without a type', 400, 'VALIDATION_ERROR', () => but(signed('{"id":"pa_1"}'))],
    ['a type that is no text', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":7}'))],
    ['an empty type', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":""}'))],
    [
      'a type of 101 characters',
      400,
      'VALIDATION_ERROR',
      () => but(signed(`{"event_type":"${'x'.repeat(101)}"}`)),
    ],
    ['a byte order mark before it', 400, 'VALIDATION_ERROR', () => but(signed(`\uFEFF${paid}`))],
    ['70 kB', 413, 'PAYLOAD_TOO_LARGE', () => but(signed(`{"event_type":"${'x'.repeat(70_000)}"}`))],
    ['bytes that are packed', 415, 'UNSUPPORTED_MEDIA_TYPE', () => packed(gzipSync(paid), gzipSync(paid))],
    ['what is in packed bytes', 415, 'UNSUPPORTED_MEDIA_TYPE', () => packed(paid, gzipSync(paid))],
  ]

  const packed = (over: Bytes, body: Buffer) => {
    const { sent, headers } = but({ ...signed(over), body })
    return { sent, headers: [...headers, 'Content-Encoding: gzip'] }
  }

  for (const [what, status, code, make] of unfit)
    test(`refused with ${status}, and nothing is written: ${what}, well signed`, async t => {
      const { sent, headers } = make()
      const reply = await send(sent, headers)
      t.is(reply.status, status, reply.text)
      t.is((reply.body as { code: string }).code, code)
      t.is(await keptAs(sent.id), undefined)
    })

  test('a second signature in a header of its own counts as one beside the first', async t => {
    const sent = signed(sanitize())
    const headers = headersOf({ ...sent, signature: wrong(1) })
    const reply = await send(sent, [...headers, `svix-signature: ${sent.signature}`])
    t.is(reply.status, 204)
  })

  test('to the second, an event is good for 300 s before and after', t => {
    const now = 1_790_000_000
    mock.timers.enable({ apis: ['Date'], now: now * 1000 + 999 })
    try {
      const verifies = (timestamp: number) =>
        verifySignature([secret], signed('{}', { timestamp }), Buffer.from('{}'))
      const verdicts = [-301, -300, 0, 300, 301].map(off => verifies(now + off))
      t.deepEqual(verdicts, [false, true, true, true, false])
    } finally {
      mock.timers.reset()
    }
  })

  test('what HTTP would trim or refuse does not verify either', t => {
    const verifies = (change: Partial<Sent>) => {
      const sent = { ...signed('{}'), ...change }
      return verifySignature([secret], sent, Buffer.from('{}'))
    }
    t.true(verifies({}))
    const at = seconds()
    for (const timestamp of [` ${at}`, `${at} `, `${at}\n`, `\t${at}`])
      t.false(verifies({ ...signed('{}', { timestamp: at }), timestamp }), JSON.stringify(timestamp))
    for (const id of ['msg_1\n', ' msg_1', 'msg\u00001', 'msg_1\r', 'mſg_1'])
      t.false(verifies(signed('{}', { id })), JSON.stringify(id))
    t.false(verifies({ signature: `${signed('{}').signature}\n` }))
  })

  test('without a secret, and with one that is none, nothing verifies', t => {
    const sent = signed('{}')
    for (const secrets of [[], [''], ['whsec_'], ['whsec_!'], [stranger]])
      t.false(verifySignature(secrets, sent, Buffer.from('{}')), secrets[0])
    t.true(verifySignature(['whsec_!', stranger, secret], sent, Buffer.from('{}')))
  })

  anyTest.after('a forger has changed nothing, and learned nothing', async t => {
    t.deepEqual(await shop.rowOf(purchase.id), untouched)
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
    t.is((await shop.sql('SELECT FROM users WHERE email = $1', [purchase.email])).length, 0)
    t.is(await eventsKept(), good.length + alsoGood.length + 1)
    const told = (await shop.logs()).join('\n')
    t.false(told.includes(purchase.email))
    t.false(/whsec_|v1,[A-Za-z0-9+/]{20}/.test(told))
    t.false(/"status":5\d\d/.test(told), 'nothing of it was a fault')
  })
}

{
  const { client } = world
  const secret = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`
  const shop = {
    RECURRENTE_PUBLIC_KEY: 'pk_test_0123456789',
    RECURRENTE_SECRET_KEY: 'sk_test_0123456789',
    RECURRENTE_WEBHOOK_SECRET: secret(32),
  }
  const names = Object.keys(shop) as (keyof typeof shop)[]
  const sound = {
    NODE_ENV: 'test',
    ...{ DATABASE_URL: 'postgres://app@localhost/app', REDIS_URL: 'redis://localhost' },
    ...{ SMTP_URL: 'smtp://localhost', APP_SECRET: randomBytes(32).toString('base64') },
  }
  const faultsOf = (env: Record<string, string>): string[] => {
    const read = readConfig({ ...sound, ...env }, 'worker')
    return 'faults' in read ? read.faults : []
  }

  const routes = [
    ...['GET /api/v1/sites', 'GET /api/v1/sites/{slug}', 'POST /api/v1/sites/{slug}/purchase'],
    ...['POST /api/v1/admin/sites', 'PATCH /api/v1/admin/sites/{slug}', 'GET /api/v1/admin/purchases'],
    'POST /api/v1/admin/purchases/{id}/refunded',
    ...['GET /api/v1/purchases', 'POST /api/v1/webhooks/recurrente'],
  ].sort()

  /** The routes of a shop, as this API describes itself. */
  const described = async ({ get }: typeof client): Promise<string[]> => {
    const { paths } = (await get('/openapi.json')).body as { paths: Record<string, object> }
    return Object.entries(paths)
      .flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
      .filter(route => /sites|purchase|webhook/.test(route))
      .sort()
  }

  test('without the three variables there is no shop: no route, no word of one, nobody is asked', async t => {
    t.deepEqual(await described(client), [])
    for (const route of routes) {
      const [method = '', path = ''] = route.replace('{slug}', 'corner-bakery').split(' ')
      const body = method === 'GET' ? undefined : {}
      const reply = await client.send(method, path, { body, token })
      t.is(`${reply.status} ${reply.body.code}`, '404 NOT_FOUND', route)
    }
    t.is(await world.run('reconcile'), 0)
  })

  test('with them each of its routes is there, and described', async t => {
    const api = await world.instance(shop)
    t.teardown(api.close)
    t.deepEqual(await described(api.client), routes)
    t.is((await api.client.get('/api/v1/sites')).status, 200)
  })

  test('half a shop is refused, and what is missing is named', t => {
    t.deepEqual(faultsOf({}), [])
    t.deepEqual(faultsOf(shop), [])
    for (const chosen of [
      ...names.map(name => [name]),
      ...names.map(name => names.filter(each => each !== name)),
    ]) {
      const missing = names.filter(name => !chosen.includes(name))
      const given = Object.fromEntries(chosen.map(name => [name, shop[name]]))
      const said = missing.map(name => `${name} is not set`)
      t.deepEqual(faultsOf(given), said)
      const empty = Object.fromEntries(missing.map(name => [name, '']))
      t.deepEqual(faultsOf({ ...given, ...empty }), said, 'an empty variable counts as unset')
    }
  })

  test('what is no key, secret or address is refused without being shown', t => {
    const canary = `canary${randomBytes(8).toString('hex')}`
    const broken: Record<string, string[]> = {
      RECURRENTE_PUBLIC_KEY: ['short', `${canary}\r\nX: y`, `${canary} `, `${canary}é`, canary.repeat(20)],
      RECURRENTE_SECRET_KEY: ['short', `${canary}\nX: y`, `${canary},${canary}`, canary.repeat(20)],
      RECURRENTE_WEBHOOK_SECRET: [
        ...[canary, `whsec_${canary}!`, 'whsec_', secret(23), secret(65), secret(32).slice(6)],
        ...[`${secret(32)},${canary}`, `${secret(32)},`, `${secret(32)},${secret(32)},${secret(32)}`],
        secret(32).replace(/=+$/, ''),
      ],
      RECURRENTE_URL: [
        ...[
          canary,
          `ftp://${canary}.example`,
          `https://u:${canary}@pay.example`,
          `https://pay.example/?k=${canary}`,
        ],
        ...[`https://pay.example/#${canary}`, `javascript:${canary}`],
      ],
      RESERVATION_TTL: ['4m', '25h', '0', canary],
    }
    for (const [name, values] of Object.entries(broken))
      for (const value of values) {
        const faults = faultsOf({ ...shop, [name]: value })
        t.is(faults.length, 1, name)
        t.true(faults[0]?.startsWith(`${name} must be `), faults[0])
        t.false(faults.join().includes(canary))
        t.false(value.length > 12 && faults.join().includes(value))
      }
  })

  test('two secrets may be active at once, while one takes over from the other', t => {
    const [old, next] = [secret(24), secret(64)]
    const read = readConfig({ ...sound, ...shop, RECURRENTE_WEBHOOK_SECRET: `${old}, ${next}` }, 'worker')
    if ('faults' in read) throw new Error(read.faults.join())
    t.deepEqual(read.config.RECURRENTE_WEBHOOK_SECRET, [old, next])
  })

  test('keys go over https in production', t => {
    const production = {
      ...{ NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' },
      ...shop,
    }
    t.deepEqual(faultsOf(production), [])
    t.deepEqual(faultsOf({ ...production, RECURRENTE_URL: 'http://pay.example/api' }), [
      'RECURRENTE_URL must begin with https:// in production',
    ])
    t.deepEqual(faultsOf({ ...production, RECURRENTE_URL: 'https://pay.example/api/' }), [])
  })
}
