import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { readInput } from '../../../src/processes/cli/read-input.ts'
import { webhookCommands } from '../../../src/processes/cli/webhook-commands.ts'
import { unreachableUrl } from '../purchases/scripted-gateway.ts'
import { openShop, secret } from '../purchases/shop.ts'
import { runCommand } from './run-command.ts'

const shop = await openShop()
const { env, sql, url } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

const send = (words: string[], more: Record<string, string> = {}) =>
  runCommand({ ...env, PUBLIC_URL: url, ...more }, ['webhooks', 'send', ...words, '--json'])
/** What is wrong with these words, if anything. */
const misuseOf = (words: string[]): string | null => {
  const [command] = webhookCommands
  if (!command) throw new Error('no such command')
  const read = readInput(command, words)
  return 'misuse' in read ? read.misuse : null
}
const eventOf = async (id: string) =>
  (await sql<Record<string, unknown>>('SELECT * FROM webhook_events WHERE id = $1', [id]))[0]
const anId = () => `msg_${randomBytes(8).toString('hex')}`

test('a sample is signed, and the service takes it', async t => {
  const { code, json, err } = await send(['payment_intent.succeeded'])
  t.is(code, 0, err)
  t.deepEqual(json, { type: 'payment_intent.succeeded', id: json.id, status: 204 })
  t.like(await eventOf(json.id), { type: 'payment_intent.succeeded', outcome: 'unmatched' })
})

test('a sample may be about a purchase, and does what the event of the gateway would', async t => {
  const purchase = await shop.aPurchase()
  const paid = await send(['payment_intent.succeeded', '--purchase', purchase.id])
  t.is(paid.code, 0, paid.err)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  t.is((await send(['refund.succeeded', '--purchase', purchase.id])).code, 0)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test('one that is sent again with its id changes nothing', async t => {
  const [purchase, id] = [await shop.aPurchase(), anId()]
  const words = ['payment_intent.failed', '--purchase', purchase.id, '--id', id]
  t.deepEqual((await send(words)).json, { type: 'payment_intent.failed', id, status: 204 })
  t.is((await shop.rowOf(purchase.id)).status, 'failed')
  await sql("UPDATE purchases SET status = 'pending' WHERE id = $1", [purchase.id])
  t.deepEqual((await send(words)).json, { type: 'payment_intent.failed', id, status: 204 })
  t.is((await shop.rowOf(purchase.id)).status, 'pending')
  t.like(await eventOf(id), { outcome: 'applied', purchase_id: purchase.id })
})

test('people are told in words', async t => {
  const words = ['webhooks', 'send', 'bank_transfer_intent.pending', '--url', `${url}/`]
  const { code, out, err } = await runCommand({ ...env }, words)
  t.is(code, 0, err)
  t.is(out, 'The service took it: 204.\n')
})

test('of two secrets that are active, samples are signed with the first', async t => {
  const other = `whsec_${randomBytes(32).toString('base64')}`
  t.is((await send(['payment_intent.failed'], { RECURRENTE_WEBHOOK_SECRET: `${secret},${other}` })).code, 0)
  const { code, json } = await send(['payment_intent.failed'], {
    RECURRENTE_WEBHOOK_SECRET: `${other},${secret}`,
  })
  t.is(code, 1)
  t.like(json.error, { code: 'NOT_TAKEN', status: 401 })
  t.is(await eventOf(json.error.id), undefined)
})

test('nothing goes to another machine', async t => {
  for (const far of [
    ...[
      'https://shop.example',
      'http://127.0.0.1.evil.example',
      'http://localhost.evil.example',
      'http://10.0.0.1',
    ],
    ...[
      'http://localhost@evil.example',
      'http://[::2]',
      'http://0.0.0.0',
      'http://127.0.0.1evil',
      'localhost',
    ],
    ...['file:///etc/passwd', 'ftp://localhost', 'http://localhost/?a=b', ''],
  ])
    t.regex(misuseOf(['payment_intent.failed', '--url', far]) ?? '', /a service on this machine/, far)
  for (const near of [
    'http://localhost:8000',
    'http://127.0.0.1:8000/',
    'http://[::1]:8000',
    'https://127.1.2.3',
  ])
    t.is(misuseOf(['payment_intent.failed', '--url', near]), null, near)
  const far = await send(['payment_intent.failed', '--url', 'https://shop.example'])
  t.is(far.code, 64)
  t.is(far.out, '')
  const { code, json } = await send(['payment_intent.failed'], { PUBLIC_URL: 'https://id.example.com' })
  t.is(code, 1)
  t.deepEqual(json.error, {
    code: 'NOT_LOCAL',
    message: 'Samples go to a service on this machine alone: say --url.',
  })
})

test('what the service sends elsewhere is not followed', async t => {
  let came = 0
  const far = createServer((_, reply) => {
    came++
    reply.writeHead(204).end()
  })
  const near = createServer((_, reply) => {
    const { port } = far.address() as AddressInfo
    reply.writeHead(307, { Location: `http://127.0.0.1:${port}/` }).end()
  })
  t.teardown(() => [far, near].map(server => server.close()))
  for (const server of [far, near]) await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = near.address() as AddressInfo
  const { code, json } = await send(['payment_intent.failed', '--url', `http://127.0.0.1:${port}`])
  t.is(code, 1)
  t.like(json.error, { code: 'NOT_TAKEN', status: 307 })
  t.is(came, 0)
})

test('words that are wrong are refused as such', async t => {
  for (const words of [
    ...[[], ['payment_intent'], ['toString'], ['payment_intent.succeeded', 'more']],
    ...[
      ...[
        ['--purchase', 'x'],
        ['--purchase', '1'],
        ['--id', 'a b'],
        ['--id', ''],
      ],
      ...[['--id', 'x'.repeat(101)], ['--secret', 'x'], ['--url']],
    ].map(option => ['payment_intent.failed', ...option]),
  ])
    t.truthy(misuseOf(words), words.join(' '))
  const { code, out, err } = await send(['payment_intent.done'])
  t.is(code, 64)
  t.is(out, '')
  t.regex(err, /one of the types/)
})

test('without a secret, or a purchase with a checkout, nothing is sent', async t => {
  const none = {
    ...{ RECURRENTE_PUBLIC_KEY: '', RECURRENTE_SECRET_KEY: '', RECURRENTE_WEBHOOK_SECRET: '' },
  }
  const closed = await send(['payment_intent.failed'], none)
  t.is(closed.code, 1)
  t.is(closed.json.error.code, 'NOT_CONFIGURED')
  t.is((await send(['payment_intent.failed'], { ...none, RECURRENTE_PUBLIC_KEY: 'pk_test_0123' })).code, 78)

  const unknown = await send(['payment_intent.failed', '--purchase', randomUUID()])
  t.is(unknown.code, 1)
  t.is(unknown.json.error.code, 'NOT_FOUND')
  const { id } = await shop.aPurchase()
  await sql('UPDATE purchases SET checkout_id = NULL WHERE id = $1', [id])
  t.is((await send(['payment_intent.failed', '--purchase', id])).json.error.code, 'NOT_FOUND')
})

test('a service that is not there is said to be none, and no store is blamed', async t => {
  const { code, json, err } = await send(['payment_intent.failed', '--url', await unreachableUrl()])
  t.is(code, 1)
  t.is(json.error.code, 'NOT_TAKEN')
  t.notRegex(err, /store/)
})

test('the secret is nowhere in what a command says', async t => {
  for (const words of [
    ['payment_intent.failed'],
    ['--help'],
    ['payment_intent.failed', '--url', 'http://x.example'],
  ]) {
    const { out, err } = await send(words)
    t.false((out + err).includes(secret.slice(6)))
  }
})
