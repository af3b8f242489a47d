import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import anyTest from 'ava'
import { createTransport } from 'nodemailer'
import { openMailbox } from '../../../src/dev-services/mailbox.ts'
import { stop } from '../../../src/dev-services/supervise-process.ts'
import { createLocalGateway } from '../../../src/shop/gateway-stub/gateway.ts'
import { until } from '../../until.ts'

// The mailbox of `npm start` holds links that reset passwords, and any page that a developer opens can send requests to
// 127.0.0.1. These tests send the real mailbox the requests of browsers.

const test = anyTest.serial

const folder = await mkdtemp(join(tmpdir(), 'latchkey-mail-'))
const mailbox = await openMailbox(folder)
anyTest.after.always(async () => {
  await stop(mailbox.process)
  await rm(folder, { recursive: true, force: true })
})
const port = Number(new URL(mailbox.pageUrl).port)
const own = `localhost:${port}`

type MailboxRequest = { method?: string; path?: string; headers?: Record<string, string>; at?: number }

const ask = async ({ method = 'GET', path = '/api/email', headers = {}, at = port }: MailboxRequest) => {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: object
    body: string
  }>()
  const asking = request({ host: '127.0.0.1', port: at, method, path, headers: { host: own, ...headers } })
  asking.on('error', reject)
  asking.on('response', async reply =>
    resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: await text(reply) }),
  )
  asking.on('upgrade', (reply: IncomingMessage, socket) => {
    socket.destroy()
    resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: '' })
  })
  asking.end()
  return promise
}

const secret = `lkp_${randomBytes(12).toString('hex')}`

test.before(async () => {
  await until('the mailbox to answer', () =>
    ask({})
      .then(({ status }) => status === 200)
      .catch(() => false),
  )
  using transport = Object.assign(createTransport(mailbox.smtpUrl), {
    [Symbol.dispose]: () => transport.close(),
  })
  await transport.sendMail({ from: 'a@example.com', to: 'ada@example.com', subject: 'Reset', text: secret })
  await until('the email', async () => (await ask({})).body.includes(secret))
})

const evil = 'https://evil.example'
const upgrade = {
  ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
  'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
}
const socket = '/socket.io/?EIO=4&transport='

const foreign: Record<string, MailboxRequest> = {
  'a page of another site': { headers: { Origin: evil } },
  'a preflight of a page of another site': {
    ...{ method: 'OPTIONS', headers: { Origin: evil, 'Access-Control-Request-Method': 'DELETE' } },
  },
  'a page of another site that deletes': {
    method: 'DELETE',
    path: '/api/email/all',
    headers: { Origin: evil },
  },
  'a page in a sandbox': { headers: { Origin: 'null' } },
  'a page of another port of this machine': { headers: { Origin: 'http://localhost:3000' } },
  'a page of this port over https': { headers: { Origin: `https://${own}` } },
  'a foreign host name that leads to this machine': { headers: { host: `evil.example:${port}` } },
  'a page of a foreign host name that leads to this machine': {
    headers: { host: `evil.example:${port}`, Origin: `http://evil.example:${port}` },
  },
  'a name that begins like ours': { headers: { host: `localhost.evil.example:${port}` } },
  'a name that ends like ours': { headers: { host: `evil-localhost:${port}` } },
  'a script of another site': { headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'script' } },
  'a frame in another site': { headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'iframe' } },
  'an image of another port': { headers: { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Dest': 'image' } },
  'a form of another site': {
    method: 'POST',
    path: '/api/email/delete',
    headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'document' },
  },
  'a page of another site that listens': { path: `${socket}polling`, headers: { Origin: evil } },
  'a page of another site that opens a WebSocket': {
    path: `${socket}websocket`,
    headers: { ...upgrade, Origin: evil },
  },
  'a WebSocket to a foreign host name': {
    path: `${socket}websocket`,
    headers: { ...upgrade, host: `evil.example:${port}`, Origin: `http://evil.example:${port}` },
  },
}

for (const [client, asked] of Object.entries(foreign))
  test(`${client} sends the mailbox a request → 403, and nothing is shown or deleted`, async t => {
    const { status, headers, body } = await ask(asked)
    t.is(status, 403)
    t.false(body.includes(secret))
    t.false('access-control-allow-origin' in headers)
    t.true((await ask({})).body.includes(secret), 'the email is still there')
  })

const allowed: Record<string, MailboxRequest> = {
  curl: {},
  'curl, by address': { headers: { host: `127.0.0.1:${port}` } },
  'a user who types the address': {
    path: '/',
    headers: { Accept: 'text/html', 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document' },
  },
  'a user who follows a link': {
    path: '/',
    headers: { Accept: 'text/html', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'document' },
  },
  'its own page': { headers: { Origin: `http://${own}`, 'Sec-Fetch-Site': 'same-origin' } },
  'its own page, which listens': { path: `${socket}polling`, headers: { Origin: `http://${own}` } },
}

for (const [client, asked] of Object.entries(allowed))
  test(`${client} sends the mailbox a request → 200`, async t => {
    t.is((await ask(asked)).status, 200)
  })

test('the page of the mailbox opens a WebSocket → 101', async t => {
  const headers = { ...upgrade, Origin: `http://${own}` }
  t.is((await ask({ path: `${socket}websocket`, headers })).status, 101)
})

test('another site or a foreign host name calls the stub of the payment gateway → 403', async t => {
  const keys = { publicKey: 'pk', secretKey: 'sk', webhookSecret: 'whsec_' }
  const { server, checkouts } = createLocalGateway({ keys, webhookUrl: null })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port: at } = server.address() as AddressInfo
  checkouts.set('ch_1', {
    id: 'ch_1',
    status: 'unpaid',
    paymentId: 'pa_1',
    items: [{ name: 'A', currency: 'USD', amount_in_cents: 1 }],
  })
  const host = `localhost:${at}`
  const path = '/checkout-session/ch_1'
  t.is((await ask({ at, path, headers: { host } })).status, 200)
  for (const headers of [{ host, Origin: evil }, { host: 'evil.example' }] as Record<string, string>[]) {
    t.is((await ask({ at, path, headers })).status, 403)
    t.is((await ask({ at, path: `${path}/pay`, method: 'POST', headers })).status, 403)
  }
  t.is(checkouts.get('ch_1')?.status, 'unpaid')
  t.is(
    (await ask({ at, path: `${path}/pay`, method: 'POST', headers: { host, Origin: `http://${host}` } }))
      .status,
    200,
  )
})

test('another HTTP server runs in the same process → it serves any host', async t => {
  const server = createServer((_request, reply) => reply.end('served'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port: at } = server.address() as AddressInfo
  t.is((await ask({ at, headers: { host: 'evil.example' } })).body, 'served')
})
