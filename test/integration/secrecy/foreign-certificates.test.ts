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

// Whoever sits on the way to Postgres or to the mail server has a certificate too, by an authority of their own.

const test = makesCertificates ? anyTest : anyTest.skip
const folder = await mkdtemp(join(tmpdir(), 'latchkey-foreign-'))
anyTest.after.always(() => rm(folder, { recursive: true, force: true }))
anyTest.before(async () => {
  if (!makesCertificates) return
  await makeAuthority(folder)
  await makeCertificate(folder, 'foreign', 'IP:127.0.0.1')
})

type Heard = { text: string }

/** A server that turns to TLS as its protocol does, and keeps whatever it is then told, or was told in the clear. */
const openForeign = async (
  answer: (socket: Socket, said: string, encrypt: () => void) => void,
  greet = '',
) => {
  const heard: Heard = { text: '' }
  const server = createServer(socket => {
    socket.on('error', () => {})
    const encrypt = () => {
      socket.removeAllListeners('data')
      const [cert, key] = ['crt', 'key'].map(end => readFileSync(join(folder, `foreign.${end}`)))
      const secured = new TLSSocket(socket, { isServer: true, cert, key } as never)
      secured.on('error', () => {})
      secured.on('data', data => {
        heard.text += data.toString('latin1')
      })
    }
    socket.on('data', data => {
      const said = data.toString('latin1')
      heard.text += said
      answer(socket, said, encrypt)
    })
    if (greet) socket.write(greet)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return { heard, at: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

const distrust = /self.signed|unable to verify|unable to get local issuer/i

test('a Postgres with a foreign certificate is told neither user nor password', async t => {
  // https://www.postgresql.org/docs/current/protocol-flow.html: SSLRequest, and S for yes.
  const { heard, at, close } = await openForeign((socket, _said, encrypt) => {
    socket.write('S')
    encrypt()
  })
  const log = openLog('test', 'silent')
  const url = `postgres://canary:5ecret@${at}/canary?sslmode=verify-full`
  await t.throwsAsync(openPostgres({ url, log, entities: [] }), { message: distrust })
  t.is(heard.text.length, 8, 'the wish to encrypt, and no more')
  close()
})

const mail = { from: 'a@example.com', to: 'canary@example.com', text: 'canary' }

test('a mail server with a foreign certificate is told neither password nor mail', async t => {
  const { heard, at, close } = await openForeign((socket, said, encrypt) => {
    if (!said.startsWith('STARTTLS')) return void socket.write('250-foreign\r\n250 STARTTLS\r\n')
    socket.write('220 go on\r\n', encrypt)
  }, '220 foreign ESMTP\r\n')
  using transport = openTransport(`smtp://canary:5ecret@${at}`)
  await t.throwsAsync(transport.sendMail(mail), { message: distrust })
  t.regex(heard.text, /^EHLO .*\r\nSTARTTLS\r\n$/)
  close()
})

test('a mail server that offers no encryption is told nothing where it is required', async t => {
  const { heard, at, close } = await openForeign(
    socket => socket.write('500 no\r\n'),
    '220 foreign ESMTP\r\n',
  )
  using transport = openTransport(`smtp://canary:5ecret@${at}?requireTLS=true`)
  await t.throwsAsync(transport.sendMail(mail))
  t.notRegex(heard.text, /canary|AUTH|MAIL/)
  close()
})
