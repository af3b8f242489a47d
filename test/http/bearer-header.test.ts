import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { type RawReply, sendRaw } from './raw.ts'

const world = await openWorld()
const account = await anAccount(world.client)
const other = await anAccount(world.client)
test.after.always(() => world[Symbol.asyncDispose]())

const token = account.access
const me = (...lines: string[]): Promise<RawReply> =>
  sendRaw(world.url, ['GET /api/v1/auth/me HTTP/1.1', 'Host: latchkey.test', ...lines])

const realm = 'Bearer realm="latchkey"'
const said = ({ status, body, headers }: RawReply) => ({
  status,
  code: (body as { code?: string }).code,
  challenge: headers['www-authenticate'],
})

test('without credentials the challenge names no error (RFC 6750, 3.1)', async t => {
  t.deepEqual(said(await me()), { status: 401, code: 'AUTH_ERROR', challenge: realm })
})

for (const line of [
  `Authorization: Bearer ${token}`,
  `Authorization: bearer ${token}`,
  `Authorization: BEARER ${token}`,
  `authorization:Bearer ${token}`,
  `Authorization:   Bearer   ${token}   `,
])
  test(`a good token passes, however its scheme is written: ${line.slice(0, 27)}`, async t => {
    t.is((await me(line)).status, 200)
  })

const malformed: [what: string, lines: string[]][] = [
  ['another scheme', ['Authorization: Basic dXNlcjpwYXNz']],
  ['nothing', ['Authorization:']],
  ['the scheme alone', ['Authorization: Bearer']],
  ['the scheme and a space', ['Authorization: Bearer ']],
  ['a token alone', [`Authorization: ${token}`]],
  ['a token joined to its scheme', [`Authorization: Bearer${token}`]],
  ['two tokens', [`Authorization: Bearer ${token} ${token}`]],
  ['two tokens and a comma', [`Authorization: Bearer ${token}, Bearer ${token}`]],
  ['two good headers', [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]],
  [
    'two headers of two accounts',
    [`Authorization: Bearer ${other.access}`, `Authorization: Bearer ${token}`],
  ],
  ['a second header that is empty', [`Authorization: Bearer ${token}`, 'Authorization:']],
  ['quotes', [`Authorization: Bearer "${token}"`]],
  ['a tab', [`Authorization: Bearer\t${token}`]],
  ['letters beyond ASCII', [`Authorization: Bearer ${token}\xe9`]],
  ['a scheme in front', [`Authorization: Basic Bearer ${token}`]],
]
for (const [what, lines] of malformed)
  test(`a header that holds ${what} is a malformed request`, async t => {
    const reply = await me(...lines)
    t.deepEqual(said(reply), {
      status: 400,
      code: 'VALIDATION_ERROR',
      challenge: `${realm}, error="invalid_request"`,
    })
    t.false(reply.text.includes(token.slice(0, 40)))
  })

const spoilt = (at: number): string =>
  `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
// The last letter of base64url may have bits to spare: two texts, the same bytes.
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const otherBits = token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]
const wrong: [what: string, value: string][] = [
  ['padded', `${token}=`],
  ['padded twice', `${token}==`],
  ['written with other spare bits', otherBits],
  ['cut short', token.slice(0, -1)],
  ['one letter longer', `${token}A`],
  ['spoilt in its claims', spoilt(30)],
  ['spoilt in its signature', spoilt(token.lastIndexOf('.') - 4)],
  ['spoilt in its footer', spoilt(token.length - 30)],
  ['without its footer', token.slice(0, token.lastIndexOf('.'))],
  ['of another version', token.replace('v4.', 'v2.')],
  ['of another purpose', token.replace('.public.', '.local.')],
  ['in upper case', token.toUpperCase()],
  ['a refresh token', account.refresh],
  ['a mailed token', `lkp_${'A'.repeat(64)}`],
  ['a JSON web token', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.'],
  ['one letter', 'x'],
  ['dots', '....'],
  ['ten thousand letters', 'v4.public.'.padEnd(10_000, 'A')],
]
for (const [what, value] of wrong)
  test(`a token that is ${what} is not valid`, async t => {
    t.deepEqual(said(await me(`Authorization: Bearer ${value}`)), {
      status: 401,
      code: 'INVALID_TOKEN',
      challenge: `${realm}, error="invalid_token"`,
    })
  })

test('every letter of a token counts', async t => {
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, i) => spoilt(10 + Math.floor((i * (token.length - 10)) / 60))).map(value =>
      me(`Authorization: Bearer ${value}`),
    ),
  )
  for (const reply of replies) t.is(said(reply).code, 'INVALID_TOKEN')
})

test('what HTTP itself does not allow is cut off with a client’s error', async t => {
  for (const lines of [
    [`Authorization: Bearer ${'A'.repeat(100_000)}`],
    [`X-Long: ${'A'.repeat(100_000)}`],
    Array.from({ length: 3000 }, (_, i) => `X-${i}: y`),
    ['Authorization: Bearer a\x00b'],
    ['Authorization: Bearer a\x01b'],
    ['Authorization : Bearer a'],
    ['Authorization: Bearer a\rb'],
    ['Content-Length: 1', 'Transfer-Encoding: chunked'],
  ]) {
    const { status } = await me(...lines)
    t.true(status >= 400 && status < 500, `${lines[0]?.slice(0, 30)}: ${status}`)
  }
  t.is((await me(`Authorization: Bearer ${token}`)).status, 200, 'and all goes on')
})

test('a token in the address or in the body is none', async t => {
  const inQuery = await world.client.get(`me?access_token=${token}`)
  t.is(inQuery.body.code, 'AUTH_ERROR')
  const inBody = await world.client.patch('me', { access_token: token })
  t.is(inBody.status, 400)
})
