import { createHmac, randomBytes } from 'node:crypto'
import { mock } from 'node:test'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { sampleEvent } from '../../../src/local/sample-events.ts'
import { verifySignature } from '../../../src/purchases/verify-signature.ts'
import { sendRaw, withContent } from '../http/raw.ts'
import { openShop, price, secret, webhookPath } from './shop.ts'

// Standard Webhooks, "Signature scheme". What is signed here is signed by hand, past the library that checks it.

const next = `whsec_${randomBytes(24).toString('base64')}`
const stranger = `whsec_${randomBytes(32).toString('base64')}`

const shop = await openShop({ env: { RECURRENTE_WEBHOOK_SECRET: `${secret},${next}` } })
const purchase = await shop.aPurchase()
const untouched = await shop.rowOf(purchase.id)
test.after.always(() => shop[Symbol.asyncDispose]())

const seconds = () => Math.floor(Date.now() / 1000)
const anId = () => `msg_${randomBytes(12).toString('hex')}`

type Bytes = string | Buffer

const sign = (by: string, id: string, timestamp: string | number, body: Bytes): string => {
  const hmac = createHmac('sha256', Buffer.from(by.replace('whsec_', ''), 'base64'))
  return hmac.update(`${id}.${timestamp}.`).update(body).digest('base64')
}

type Sent = { id: string; timestamp: string; signature: string; body: Bytes }

/** An event that is signed as it should be, but for what is said here before it is signed. */
const signed = (body: Bytes, given: { id?: string; timestamp?: string | number; by?: string } = {}): Sent => {
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
  (await shop.sql<{ outcome: string }>('SELECT outcome FROM webhook_events WHERE id = $1', [id]))[0]?.outcome

const about = { checkoutId: purchase.checkoutId, purchaseId: purchase.id, email: purchase.email }
const paid = sampleEvent('payment_intent.succeeded', {
  ...{ ...about, paymentId: 'pa_forged' },
  ...{ amount: price, currency: 'GTQ' },
})

const harmless = () =>
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
    const sent = signed(harmless())
    return [sent, write(sent)]
  },
])

const wrong = (count: number) =>
  Array.from({ length: count }, () => `v1,${randomBytes(32).toString('base64')}`).join(' ')
const amid = (sent: Sent): Sent => ({ ...sent, signature: `${wrong(1)} ${sent.signature} ${wrong(1)}` })

const alsoGood: [string, () => Sent][] = [
  ['by the second of two secrets', () => signed(harmless(), { by: next })],
  ['290 s ago', () => signed(harmless(), { timestamp: seconds() - 290 })],
  ['290 s ahead', () => signed(harmless(), { timestamp: seconds() + 290 })],
  ['with an id of 200 characters', () => signed(harmless(), { id: anId().padEnd(200, 'x') })],
  ['with spaces and line breaks in the body', () => signed(` {\r\n "event_type" :\t"customer.created" }\n`)],
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
    (timestamp): (typeof forged)[number] => [`at ${timestamp || 'no moment'}`, () => but({}, { timestamp })],
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
  const sent = signed(harmless())
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

test.after('a forger has changed nothing, and learned nothing', async t => {
  t.deepEqual(await shop.rowOf(purchase.id), untouched)
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  t.is((await shop.sql('SELECT FROM users WHERE email = $1', [purchase.email])).length, 0)
  t.is(await eventsKept(), good.length + alsoGood.length + 1)
  const told = (await shop.logs()).join('\n')
  t.false(told.includes(purchase.email))
  t.false(/whsec_|v1,[A-Za-z0-9+/]{20}/.test(told))
  t.false(/"status":5\d\d/.test(told), 'nothing of it was a fault')
})
