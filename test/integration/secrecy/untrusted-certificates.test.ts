import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import anyTest from 'ava'
import { openLog } from '../../../src/platform/base/log.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { openPostgres } from '../../../src/platform/postgres/postgres.ts'
import { makeAuthority, makeCertificate, makesCertificates } from '../../cluster/certificates.ts'

// A man in the middle between Latchkey and Postgres or the mail server has a certificate of an untrusted authority.

const test = makesCertificates ? anyTest : anyTest.skip
const folder = await mkdtemp(join(tmpdir(), 'latchkey-foreign-'))
anyTest.after.always(() => rm(folder, { recursive: true, force: true }))
anyTest.before(async () => {
  if (!makesCertificates) return
  await makeAuthority(folder)
  await makeCertificate(folder, 'foreign', 'IP:127.0.0.1')
})

type Received = { text: string }

/** A server that switches to TLS as its protocol requires, and records all it receives, in plain text or over TLS. */
const openUntrustedServer = async (
  answer: (socket: Socket, text: string, encrypt: () => void) => void,
  greeting = '',
) => {
  const received: Received = { text: '' }
  const server = createServer(socket => {
    socket.on('error', () => {})
    const encrypt = () => {
      socket.removeAllListeners('data')
      const [cert, key] = ['crt', 'key'].map(end => readFileSync(join(folder, `foreign.${end}`)))
      const secured = new TLSSocket(socket, { isServer: true, cert, key } as never)
      secured.on('error', () => {})
      secured.on('data', data => {
        received.text += data.toString('latin1')
      })
    }
    socket.on('data', data => {
      const text = data.toString('latin1')
      received.text += text
      answer(socket, text, encrypt)
    })
    if (greeting) socket.write(greeting)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return {
    received,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close(),
  }
}

const untrusted = /self.signed|unable to verify|unable to get local issuer/i

test('Postgres with an untrusted certificate → the connection fails before user or password is sent', async t => {
  // https://www.postgresql.org/docs/current/protocol-flow.html: SSLRequest, then S means yes.
  const { received, address, close } = await openUntrustedServer((socket, _text, encrypt) => {
    socket.write('S')
    encrypt()
  })
  const log = openLog('test', 'silent')
  const url = `postgres://canary:5ecret@${address}/canary?sslmode=verify-full`
  await t.throwsAsync(openPostgres({ url, log, entities: [] }), { message: untrusted })
  t.is(received.text.length, 8, 'only the 8 bytes of SSLRequest')
  close()
})

const mail = { from: 'a@example.com', to: 'canary@example.com', text: 'canary' }

test('mail server with an untrusted certificate → sending fails before password or email is sent', async t => {
  const { received, address, close } = await openUntrustedServer((socket, text, encrypt) => {
    if (!text.startsWith('STARTTLS')) return void socket.write('250-foreign\r\n250 STARTTLS\r\n')
    socket.write('220 ready\r\n', encrypt)
  }, '220 foreign ESMTP\r\n')
  using transport = openTransport(`smtp://canary:5ecret@${address}`)
  await t.throwsAsync(transport.sendMail(mail), { message: untrusted })
  t.regex(received.text, /^EHLO .*\r\nSTARTTLS\r\n$/)
  close()
})

test('mail server without STARTTLS and requireTLS=true → nothing confidential is sent', async t => {
  const { received, address, close } = await openUntrustedServer(
    socket => socket.write('500 no\r\n'),
    '220 foreign ESMTP\r\n',
  )
  using transport = openTransport(`smtp://canary:5ecret@${address}?requireTLS=true`)
  await t.throwsAsync(transport.sendMail(mail))
  t.notRegex(received.text, /canary|AUTH|MAIL/)
  close()
})
