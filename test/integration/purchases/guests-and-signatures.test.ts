import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mock } from 'node:test'
import { gzipSync } from 'node:zlib'
import anyTest from 'ava'
import { readConfig } from '../../../src/config.ts'
import { shopConfig } from '../../../src/shop/catalog/variables.ts'
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

// Accounts of guests who buy, signatures of webhook events, and a service without a shop.

const test = anyTest.serial

const nextSecret = `whsec_${randomBytes(24).toString('base64')}`
const shop = await openShop({ worker: true })
const signatureShop = await openShop({ env: { RECURRENTE_WEBHOOK_SECRET: `${secret},${nextSecret}` } })
const purchase = await signatureShop.aPurchase()
const untouched = await signatureShop.rowOf(purchase.id)
const world = await openWorld()
const { access: token } = await anAdmin(world)
anyTest.after.always(async () => {
  for (const each of [shop, signatureShop, world]) await each[Symbol.asyncDispose]()
})

{
  // A purchase that a guest has paid belongs to the owner of the mailbox, not to a person who used the address before.

  const { client } = shop

  /** A paid purchase of a guest. */
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

  test('guest pays → account without a password; the mailed link sets one once', async t => {
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
    const kinds = (await shop.emailKindsTo(email)).filter(kind => kind !== 'new_device')
    t.deepEqual(kinds, ['password_changed', 'purchase_confirmation', 'welcome_guest'])
  })

  test('purchase confirmation → names site, price and purchase, and has no link', async t => {
    const { id, email } = await paidPurchase()
    await untilNoEmailQueued(shop)
    const texts = (await mailsTo(email)).map(({ mail }) => mail.text ?? '')
    const confirmation = texts.find(text => text.includes(id)) ?? ''
    t.true(confirmation.includes('Corner bakery'))
    t.regex(confirmation, /125[.,]00/)
    t.notRegex(confirmation, /token=|lkp_/)
    t.is(texts.length, 2)
  })

  test('code of the guest email → sets a password as the link does', async t => {
    const { id, email } = await paidPurchase()
    const { code, token } = await waitForLink(shop, email, 'reset-password')
    t.is((await client.post('reset-password', { email, code, new_password: newPassword })).status, 204)
    t.is(
      (await client.post('reset-password', { token, new_password: newPassword })).status,
      204,
      'the same request again',
    )
    t.is((await client.post('reset-password', { token, new_password: 'another horse 10' })).status, 401)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [id])
  })

  test('guest buys twice → one account, and the newer link works', async t => {
    const first = await paidPurchase()
    const { email } = first
    await waitForLink(shop, email, 'reset-password')
    const second = await paidPurchase({ email })
    const { token } = await waitForLink(shop, email, 'reset-password', 2)
    t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [second.id, first.id])
  })

  test('emails to a guest → in the language of the purchase request', async t => {
    const { email } = await paidPurchase({ headers: { 'accept-language': 'es-GT,es;q=0.9,en;q=0.1' } })
    await untilNoEmailQueued(shop)
    const subjects = ['welcome_guest', 'purchase_confirmation'].map(kind => {
      const template = new URL(`../../../templates/es/${kind}.json`, import.meta.url)
      return JSON.parse(readFileSync(template, 'utf8')).subject.replace('{{brand}}', 'Latchkey')
    })
    t.deepEqual((await mailsTo(email)).map(({ mail }) => mail.subject).sort(), subjects.sort())
  })

  test('guest email in other case or with spaces → the same account', async t => {
    const { email, userId } = await accountWithMailedPassword(shop)
    const { id } = await paidPurchase({ email: ` ${email.toUpperCase()} ` })
    t.is((await shop.rowOf(id)).user_id, userId)
  })

  test('account whose password was set by mail → gets the guest purchase and keeps its sessions', async t => {
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

  test('squatter deletes the account of an address → its buyer still gets the purchase', async t => {
    const squatter = await anAccount(client)
    const { email, password, access: token } = squatter
    t.is((await client.send('DELETE', 'me', { body: { password }, token })).status, 204)
    const { id } = await paidPurchase({ email })
    const { token: resetToken } = await waitForLink(shop, email, 'reset-password')
    t.is((await client.post('reset-password', { token: resetToken, new_password: newPassword })).status, 204)
    t.deepEqual(await purchasesOf(await signIn(email, newPassword)), [id])
  })

  test('signed-in buyer, verified or not → account, sessions and links stay as they were', async t => {
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

  test('buyer changes the email before the payment → purchase and confirmation follow the account', async t => {
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

  test('deactivated account → gets the purchase and its confirmation, and stays deactivated', async t => {
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

  test('account is erased → name and address removed from purchases that cannot be paid any more', async t => {
    const account = await aVerifiedAccount(shop)
    const bought = await paidPurchase({ token: account.access, email: account.email })
    const payable = await shop.aPurchase({ token: account.access, email: account.email })
    await shop.sql(`UPDATE purchases SET status = 'expired' WHERE id = $1`, [payable.id])
    await shop.sql(`UPDATE users SET erase_after = now() - interval '1 second' WHERE id = $1`, [
      account.userId,
    ])
    await untilNoEmailQueued(shop)
    t.true((await shop.run('eraseAccounts')) >= 1)
    await shop.run('forgetBuyers')
    const forgotten = { user_id: null, email: null, full_name: null }
    t.like(await shop.rowOf(bought.id), { ...forgotten, status: 'paid' })
    t.is((await shop.siteOf(bought.slug)).status, 'sold')
    t.is((await shop.rowOf(payable.id)).email, account.email, 'it can still be paid')
    await shop.sql(`UPDATE purchases SET updated_at = now() - interval '31 days' WHERE id = $1`, [payable.id])
    await shop.run('forgetBuyers')
    t.like(await shop.rowOf(payable.id), forgotten)
  })

  test('payment for a purchase whose data was deleted → reported, and nothing is sold', async t => {
    const purchase = await shop.aPurchase()
    await shop.sql(`UPDATE purchases SET status = 'expired', email = NULL, full_name = NULL WHERE id = $1`, [
      purchase.id,
    ])
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
  })
}

{
  const shop = signatureShop
  // Standard Webhooks, "Signature scheme". The tests sign by hand, independently of the library that verifies.

  const unknownSecret = `whsec_${randomBytes(32).toString('base64')}`

  const seconds = () => Math.floor(Date.now() / 1000)
  const anId = () => `msg_${randomBytes(12).toString('hex')}`

  type Bytes = string | Buffer

  const sign = (by: string, id: string, timestamp: string | number, body: Bytes): string => {
    const hmac = createHmac('sha256', Buffer.from(by.replace('whsec_', ''), 'base64'))
    return hmac.update(`${id}.${timestamp}.`).update(body).digest('base64')
  }

  type Sent = { id: string; timestamp: string; signature: string; body: Bytes }

  /** A correctly signed event, except for the values given here. */
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

  const countEvents = async () => (await shop.sql('SELECT FROM webhook_events')).length
  const outcomeOf = async (id: string) =>
    (await shop.sql<{ outcome: string }>('SELECT outcome FROM webhook_events WHERE id = $1', [id]))[0]
      ?.outcome

  const about = { checkoutId: purchase.checkoutId, purchaseId: purchase.id, email: purchase.email }
  const paid = sampleEvent('payment_intent.succeeded', {
    ...{ ...about, paymentId: 'pa_forged' },
    ...{ amount: price, currency: 'GTQ' },
  })

  const unrelatedEvent = () =>
    JSON.stringify({ event_type: 'customer.created', note: anId(), city: 'Quetzaltenango ñ' })

  const accepted: [string, () => [Sent, string[]]][] = (
    [
      ['correctly', sent => headersOf(sent)],
      ['with the header names of the standard', sent => headersOf(sent, 'webhook')],
      ['with the second of three signatures', other => headersOf(surrounded(other))],
      [
        'after a signature of a future version',
        other => headersOf({ ...other, signature: `v1a,AAAA ${other.signature}` }),
      ],
      [
        'after malformed signatures',
        other => headersOf({ ...other, signature: `v1 , v1, ${other.signature}` }),
      ],
      [
        'with the last of 16 signatures',
        other => headersOf({ ...other, signature: `${wrong(15)} ${other.signature}` }),
      ],
    ] as [string, (sent: Sent) => string[]][]
  ).map(([what, write]) => [
    what,
    () => {
      const sent = signed(unrelatedEvent())
      return [sent, write(sent)]
    },
  ])

  const wrong = (count: number) =>
    Array.from({ length: count }, () => `v1,${randomBytes(32).toString('base64')}`).join(' ')
  const surrounded = (sent: Sent): Sent => ({
    ...sent,
    signature: `${wrong(1)} ${sent.signature} ${wrong(1)}`,
  })

  const alsoAccepted: [string, () => Sent][] = [
    ['with the second of two secrets', () => signed(unrelatedEvent(), { by: nextSecret })],
    ['290 s ago', () => signed(unrelatedEvent(), { timestamp: seconds() - 290 })],
    ['290 s ahead', () => signed(unrelatedEvent(), { timestamp: seconds() + 290 })],
    ['with an id of 200 characters', () => signed(unrelatedEvent(), { id: anId().padEnd(200, 'x') })],
    [
      'with spaces and line breaks in the body',
      () => signed(` {\r\n "event_type" :\t"customer.created" }\n`),
    ],
    ['of 60 kB', () => signed(JSON.stringify({ event_type: 'customer.created', note: 'x'.repeat(60_000) }))],
  ]

  for (const [what, make] of [
    ...accepted,
    ...alsoAccepted.map(([what, make]): [string, () => [Sent, string[]]] => [
      what,
      () => {
        const sent = make()
        return [sent, headersOf(sent)]
      },
    ]),
  ])
    test(`event signed ${what} → 204 and stored`, async t => {
      const [sent, headers] = make()
      const reply = await send(sent, headers)
      t.is(reply.status, 204, reply.text)
      t.is(await outcomeOf(sent.id), 'ignored')
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
    ['with an unknown secret', () => but({}, { by: unknownSecret })],
    ['with the unknown version v1a', () => asSignature(encoded => `v1a,${encoded}`)],
    ['without a version', () => asSignature(encoded => encoded)],
    ['with a bare v1', () => asSignature(() => 'v1')],
    ['with a v1 and nothing after it', () => asSignature(() => 'v1,')],
    ['with text after the signature', () => asSignature(encoded => `v1,${encoded},more`)],
    ['with a comma after the signature', () => asSignature(encoded => `v1,${encoded},`)],
    ['with an empty signature', () => asSignature(() => '')],
    ['in lower case base64', () => asSignature(encoded => `v1,${encoded.toLowerCase()}`)],
    ['with V1', () => asSignature(encoded => `V1,${encoded}`)],
    ['in hexadecimal', () => asSignature(it => `v1,${Buffer.from(it, 'base64').toString('hex')}`)],
    ['in base64url', () => asSignature(it => `v1,${Buffer.from(it, 'base64').toString('base64url')}`)],
    ['with half of the signature', () => asSignature(encoded => `v1,${encoded.slice(0, 22)}`)],
    ['after 16 wrong signatures', () => asSignature(encoded => `${wrong(16)} v1,${encoded}`)],
    ['over another body', () => but({ body: paid.replace('Ada', 'Eve') })],
    ['over other spaces', () => but({ body: JSON.stringify(parsed, null, 1) })],
    [
      'over other key order',
      () => but({ body: JSON.stringify(Object.fromEntries(Object.entries(parsed).reverse())) }),
    ],
    ['over a body with one byte less', () => but({ body: `${paid}\n` })],
    ['over an empty body', () => but({ signature: signed('').signature })],
    ['for another id', () => but({ id: anId() })],
    ['for another timestamp', () => but({ timestamp: String(seconds() - 1) })],
    ['with an id that has a dot', () => but({}, { id: 'msg_1.2' })],
    ['with an id of 201 characters', () => but({}, { id: 'x'.repeat(201) })],
    ['with an id that has a space', () => but({}, { id: 'msg_1 2' })],
    ['with a non-ASCII id', () => but({}, { id: 'msg_é' })],
    ['with an empty id', () => but({}, { id: '' })],
    ...['123abc', '+123', '0123', '1e9', '0x10', '-5', '', 'NaN', '9'.repeat(30)].map(
      (timestamp): (typeof forged)[number] => [`with timestamp "${timestamp}"`, () => but({}, { timestamp })],
    ),
    // A parser that reads the leading number, as parseInt does, takes each of these for the signed timestamp.
    ...['@abc', '@.5', '+@', '0@', '@e0', '@ 1', '@,1'].map((spelling): (typeof forged)[number] => [
      `with timestamp spelled ${spelling}`,
      () => {
        const sent = signed(paid)
        return but({ ...sent, timestamp: spelling.replace('@', sent.timestamp) })
      },
    ]),
    ['with a timestamp in milliseconds', () => but({}, { timestamp: Date.now() })],
    ['301 s ago', () => but({}, { timestamp: seconds() - 301 })],
    ['330 s ahead', () => but({}, { timestamp: seconds() + 330 })],
    ['without the id', () => without('id')],
    ['without the timestamp', () => without('timestamp')],
    ['without the signature', () => without('signature')],
    ['without all three headers', () => ({ sent: signed(paid), headers: [] })],
    ['with two ids', () => twice('id')],
    ['with two timestamps', () => twice('timestamp')],
    ['with a second, different id', () => twice('id', anId)],
    [
      'with both header names and different ids',
      () => {
        const sent = signed(paid)
        return { sent, headers: [...headersOf(sent, 'webhook'), `svix-id: ${anId()}`] }
      },
    ],
    ['over bytes that are not UTF-8', () => ({ sent: signed(broken), headers: headersOf(signed(broken)) })],
    [
      'over a text, sent as bytes that are not UTF-8',
      () => but({ ...signed(broken.toString()), body: broken }),
    ],
  ]

  for (const [what, make] of forged)
    test(`event signed ${what} → 401 INVALID_SIGNATURE, and nothing is stored`, async t => {
      const { sent, headers } = make()
      const reply = await send(sent, headers)
      t.is(reply.status, 401, reply.text)
      t.is((reply.body as { code: string }).code, 'INVALID_SIGNATURE')
      t.is(await outcomeOf(sent.id), undefined)
    })

  const unfit: [string, number, string, () => { sent: Sent; headers: string[] }][] = [
    ['invalid JSON', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":'))],
    ['an empty body', 400, 'VALIDATION_ERROR', () => but(signed(''))],
    ['a JSON array', 400, 'VALIDATION_ERROR', () => but(signed(`[${paid}]`))],
    ['null', 400, 'VALIDATION_ERROR', () => but(signed('null'))],
    ['a JSON string', 400, 'VALIDATION_ERROR', () => but(signed('"payment_intent.succeeded"'))],
    ['an object without a type', 400, 'VALIDATION_ERROR', () => but(signed('{"id":"pa_1"}'))],
    ['a numeric type', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":7}'))],
    ['an empty type', 400, 'VALIDATION_ERROR', () => but(signed('{"event_type":""}'))],
    [
      'a type of 101 characters',
      400,
      'VALIDATION_ERROR',
      () => but(signed(`{"event_type":"${'x'.repeat(101)}"}`)),
    ],
    ['a byte order mark', 400, 'VALIDATION_ERROR', () => but(signed(`\uFEFF${paid}`))],
    ['70 kB', 413, 'PAYLOAD_TOO_LARGE', () => but(signed(`{"event_type":"${'x'.repeat(70_000)}"}`))],
    [
      'a gzip body, signed as gzip',
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      () => packed(gzipSync(paid), gzipSync(paid)),
    ],
    ['a gzip body, signed as plain text', 415, 'UNSUPPORTED_MEDIA_TYPE', () => packed(paid, gzipSync(paid))],
  ]

  const packed = (over: Bytes, body: Buffer) => {
    const { sent, headers } = but({ ...signed(over), body })
    return { sent, headers: [...headers, 'Content-Encoding: gzip'] }
  }

  for (const [what, status, code, make] of unfit)
    test(`correctly signed event with ${what} → ${status}, and nothing is stored`, async t => {
      const { sent, headers } = make()
      const reply = await send(sent, headers)
      t.is(reply.status, status, reply.text)
      t.is((reply.body as { code: string }).code, code)
      t.is(await outcomeOf(sent.id), undefined)
    })

  test('correctly signed event without a body and the headers of one → 400 VALIDATION_ERROR', async t => {
    const head = [`POST ${webhookPath} HTTP/1.1`, 'Host: latchkey.test', ...headersOf(signed(''))]
    const { status, body, text } = await sendRaw(shop.url, head)
    t.is(status, 400, text)
    t.is((body as { code: string }).code, 'VALIDATION_ERROR')
  })

  test('second signature in a separate header → accepted as a list of signatures', async t => {
    const sent = signed(unrelatedEvent())
    const headers = headersOf({ ...sent, signature: wrong(1) })
    const reply = await send(sent, [...headers, `svix-signature: ${sent.signature}`])
    t.is(reply.status, 204)
  })

  test('event timestamp → accepted within 300 s before and after, rejected at 301 s', t => {
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

  test('id, timestamp or signature with whitespace or control characters → not verified', t => {
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

  test('no secret or an invalid secret → nothing is verified', t => {
    const sent = signed('{}')
    for (const secrets of [[], [''], ['whsec_'], ['whsec_!'], [unknownSecret]])
      t.false(verifySignature(secrets, sent, Buffer.from('{}')), secrets[0])
    t.true(verifySignature(['whsec_!', unknownSecret, secret], sent, Buffer.from('{}')))
  })

  anyTest.after('rejected events → purchase, site and accounts unchanged, no secrets in the log', async t => {
    t.deepEqual(await shop.rowOf(purchase.id), untouched)
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
    t.is((await shop.sql('SELECT FROM users WHERE email = $1', [purchase.email])).length, 0)
    t.is(await countEvents(), accepted.length + alsoAccepted.length + 1)
    const logs = (await shop.logs()).join('\n')
    t.false(logs.includes(purchase.email))
    t.false(/whsec_|v1,[A-Za-z0-9+/]{20}/.test(logs))
    t.false(/"status":5\d\d/.test(logs), 'no rejected event caused a 5xx')
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
  const validConfig = {
    NODE_ENV: 'test',
    ...{ DATABASE_URL: 'postgres://app@localhost/app', REDIS_URL: 'redis://localhost' },
    ...{ SMTP_URL: 'smtp://localhost', APP_SECRET: randomBytes(32).toString('base64') },
  }
  const configErrorsOf = (env: Record<string, string>): string[] => {
    const read = readConfig({ ...validConfig, ...env }, 'worker')
    return 'errors' in read ? read.errors : []
  }

  const routes = [
    ...['GET /api/v1/sites', 'GET /api/v1/sites/{slug}', 'POST /api/v1/sites/{slug}/purchase'],
    ...['POST /api/v1/admin/sites', 'PATCH /api/v1/admin/sites/{slug}', 'GET /api/v1/admin/purchases'],
    'POST /api/v1/admin/purchases/{id}/refunded',
    ...['GET /api/v1/purchases', 'POST /api/v1/webhooks/recurrente'],
  ].sort()

  /** The shop routes in the OpenAPI document of this API. */
  const documentedRoutes = async ({ get }: typeof client): Promise<string[]> => {
    const { paths } = (await get('/openapi.json')).body as { paths: Record<string, object> }
    return Object.entries(paths)
      .flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
      .filter(route => /sites|purchase|webhook/.test(route))
      .sort()
  }

  test('shop variables not set → no shop routes, 404, and the gateway is not queried', async t => {
    t.deepEqual(await documentedRoutes(client), [])
    for (const route of routes) {
      const [method = '', path = ''] = route.replace('{slug}', 'corner-bakery').split(' ')
      const body = method === 'GET' ? undefined : {}
      const reply = await client.send(method, path, { body, token })
      t.is(`${reply.status} ${reply.body.code}`, '404 NOT_FOUND', route)
    }
    t.is(await world.run('reconcile'), 0)
  })

  test('shop variables set → every shop route exists and is documented', async t => {
    const api = await world.instance(shop)
    t.teardown(api.close)
    t.deepEqual(await documentedRoutes(api.client), routes)
    t.is((await api.client.get('/api/v1/sites')).status, 200)
  })

  test('only some shop variables set → configuration error that names the missing ones', t => {
    t.deepEqual(configErrorsOf({}), [])
    t.deepEqual(configErrorsOf(shop), [])
    for (const subset of [
      ...names.map(name => [name]),
      ...names.map(name => names.filter(each => each !== name)),
    ]) {
      const missing = names.filter(name => !subset.includes(name))
      const given = Object.fromEntries(subset.map(name => [name, shop[name]]))
      const errors = missing.map(name => `${name} is not set. Set all three secrets of the shop, or none`)
      t.deepEqual(configErrorsOf(given), errors)
      const empty = Object.fromEntries(missing.map(name => [name, '']))
      t.deepEqual(configErrorsOf({ ...given, ...empty }), errors, 'an empty variable counts as unset')
    }
  })

  test('malformed key, secret or URL → configuration error that does not show the value', t => {
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
        const errors = configErrorsOf({ ...shop, [name]: value })
        t.is(errors.length, 1, name)
        t.true(errors[0]?.startsWith(`${name} must be `), errors[0])
        t.false(errors.join().includes(canary))
        t.false(value.length > 12 && errors.join().includes(value))
      }
  })

  test('two webhook secrets, comma-separated → both are active, for rotation', t => {
    const [old, nextSecret] = [secret(24), secret(64)]
    const read = readConfig(
      { ...validConfig, ...shop, RECURRENTE_WEBHOOK_SECRET: `${old}, ${nextSecret}` },
      'worker',
    )
    if ('errors' in read) throw new Error(read.errors.join())
    t.deepEqual(shopConfig(read.config).RECURRENTE_WEBHOOK_SECRET, [old, nextSecret])
  })

  test('http gateway URL in production → configuration error', t => {
    const production = {
      ...{ NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' },
      ...shop,
    }
    t.deepEqual(configErrorsOf(production), [])
    t.deepEqual(configErrorsOf({ ...production, RECURRENTE_URL: 'http://pay.example/api' }), [
      'RECURRENTE_URL must begin with https:// if NODE_ENV is production',
    ])
    t.deepEqual(configErrorsOf({ ...production, RECURRENTE_URL: 'https://pay.example/api/' }), [])
  })
}
