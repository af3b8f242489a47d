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

const send = (args: string[], more: Record<string, string> = {}) =>
  runCommand({ ...env, PUBLIC_URL: url, ...more }, ['webhooks', 'send', ...args, '--json'])
/** The usage error of these arguments, or null. */
const usageErrorOf = (args: string[]): string | null => {
  const [command] = webhookCommands
  if (!command) throw new Error('no such command')
  const read = readInput(command, args)
  return 'usageError' in read ? read.usageError : null
}
const eventOf = async (id: string) =>
  (await sql<Record<string, unknown>>('SELECT * FROM webhook_events WHERE id = $1', [id]))[0]
const anId = () => `msg_${randomBytes(8).toString('hex')}`

test('webhooks send → the sample event is signed and accepted', async t => {
  const { code, json, err } = await send(['payment_intent.succeeded'])
  t.is(code, 0, err)
  t.deepEqual(json, { type: 'payment_intent.succeeded', id: json.id, status: 204 })
  t.like(await eventOf(json.id), { type: 'payment_intent.succeeded', outcome: 'unmatched' })
})

test('webhooks send --purchase → the purchase changes as by an event of the gateway', async t => {
  const purchase = await shop.aPurchase()
  const paid = await send(['payment_intent.succeeded', '--purchase', purchase.id])
  t.is(paid.code, 0, paid.err)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  t.is((await send(['refund.succeeded', '--purchase', purchase.id])).code, 0)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test('webhooks send with the same --id twice → the second event changes nothing', async t => {
  const [purchase, id] = [await shop.aPurchase(), anId()]
  const args = ['payment_intent.failed', '--purchase', purchase.id, '--id', id]
  t.deepEqual((await send(args)).json, { type: 'payment_intent.failed', id, status: 204 })
  t.is((await shop.rowOf(purchase.id)).status, 'failed')
  await sql("UPDATE purchases SET status = 'pending' WHERE id = $1", [purchase.id])
  t.deepEqual((await send(args)).json, { type: 'payment_intent.failed', id, status: 204 })
  t.is((await shop.rowOf(purchase.id)).status, 'pending')
  t.like(await eventOf(id), { outcome: 'applied', purchase_id: purchase.id })
})

test('webhooks send without --json → a readable sentence', async t => {
  const args = ['webhooks', 'send', 'bank_transfer_intent.pending', '--url', `${url}/`]
  const { code, out, err } = await runCommand({ ...env }, args)
  t.is(code, 0, err)
  t.is(out, 'The service accepted the event: 204.\n')
})

test('two webhook secrets → samples are signed with the first', async t => {
  const other = `whsec_${randomBytes(32).toString('base64')}`
  t.is((await send(['payment_intent.failed'], { RECURRENTE_WEBHOOK_SECRET: `${secret},${other}` })).code, 0)
  const { code, json } = await send(['payment_intent.failed'], {
    RECURRENTE_WEBHOOK_SECRET: `${other},${secret}`,
  })
  t.is(code, 1)
  t.like(json.error, { code: 'NOT_TAKEN', status: 401 })
  t.is(await eventOf(json.error.id), undefined)
})

test('webhooks send to another machine → refused', async t => {
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
    t.regex(usageErrorOf(['payment_intent.failed', '--url', far]) ?? '', /a service on this machine/, far)
  for (const near of [
    'http://localhost:8000',
    'http://127.0.0.1:8000/',
    'http://[::1]:8000',
    'https://127.1.2.3',
  ])
    t.is(usageErrorOf(['payment_intent.failed', '--url', near]), null, near)
  const far = await send(['payment_intent.failed', '--url', 'https://shop.example'])
  t.is(far.code, 64)
  t.is(far.out, '')
  const { code, json } = await send(['payment_intent.failed'], { PUBLIC_URL: 'https://id.example.com' })
  t.is(code, 1)
  t.deepEqual(json.error, {
    code: 'NOT_LOCAL',
    message: 'Sample events are sent only to a service on this machine. Set its address with --url.',
  })
})

test('the service answers with a redirect → it is not followed', async t => {
  let requestCount = 0
  const far = createServer((_, reply) => {
    requestCount++
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
  t.is(requestCount, 0)
})

test('webhooks send with invalid arguments → exit code 64', async t => {
  for (const args of [
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
    t.truthy(usageErrorOf(args), args.join(' '))
  const { code, out, err } = await send(['payment_intent.done'])
  t.is(code, 64)
  t.is(out, '')
  t.regex(err, /one of the types/)
})

test('no secret, or a purchase without a checkout → nothing is sent', async t => {
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

test('the service is unreachable → NOT_TAKEN, and the message blames no store', async t => {
  const { code, json, err } = await send(['payment_intent.failed', '--url', await unreachableUrl()])
  t.is(code, 1)
  t.is(json.error.code, 'NOT_TAKEN')
  t.notRegex(err, /store|Postgres|Redis/)
})

test('output of webhooks send → never holds the secret', async t => {
  for (const args of [
    ['payment_intent.failed'],
    ['--help'],
    ['payment_intent.failed', '--url', 'http://x.example'],
  ]) {
    const { out, err } = await send(args)
    t.false((out + err).includes(secret.slice(6)))
  }
})
