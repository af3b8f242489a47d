import { sign } from 'node:crypto'
import test from 'ava'
import { PAE } from 'paseto'
import { encode } from '../../src/crypto/base64url.ts'
import {
  generateKey,
  importPublic,
  importSecret,
  signToken,
  tokenKid,
  verifyToken,
} from '../../src/crypto/paseto.ts'

const issued = new Date('2026-11-21T10:00:00.400Z')
const now = new Date('2026-11-21T10:05:00Z')
const issuer = 'https://accounts.example'
const audience = 'https://api.example'
const expected = { issuer, audience, now }
const { kid, paserkPublic, paserkSecret } = generateKey()
const key = importPublic(paserkPublic)
const secret = importSecret(paserkSecret)
const claims = { iss: issuer, aud: audience, sub: 'user-1', sid: 'session-1', roles: ['user'] }
const whole = { ...claims, iat: '2026-11-21T10:00:00Z', exp: '2026-11-21T10:15:00Z' }
const token = signToken({ kid, secret }, claims, { now: issued, ttlSeconds: 900 })
const [, , payload = '', footer = ''] = token.split('.')

/** A token with a true signature over whatever it says. */
function forge(payloadText: string, footerText = `{"kid":"${kid}"}`, header = 'v4.public.'): string {
  const message = Buffer.from(payloadText)
  const tail = Buffer.from(footerText)
  const signature = sign(null, PAE([Buffer.from(header), message, tail, Buffer.alloc(0)]), secret.handle)
  const body = encode(Buffer.concat([message, signature]))
  return footerText === '' ? `${header}${body}` : `${header}${body}.${encode(tail)}`
}

/** Another text that a lenient decoder reads as the same bytes. */
function respell(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(text.at(-1) ?? '')
  return text.slice(0, -1) + alphabet[last ^ 1]
}

test('our own token is accepted, with its claims and a footer that names the key', async t => {
  t.is(Buffer.from(footer, 'base64url').toString(), `{"kid":"${kid}"}`)
  t.is(tokenKid(token), kid)
  t.deepEqual(await verifyToken(key, token, expected), { claims: whole })
})

test('a token with a footer made by hand is accepted: what the other cases change is what is refused', async t => {
  t.deepEqual(await verifyToken(key, forge(JSON.stringify(whole)), expected), { claims: whole })
})

const odd = 'A'.repeat(86)
const shapes: Record<string, string> = {
  'padding after the payload': `v4.public.${payload}=.${footer}`,
  'padding after the footer': `${token}==`,
  'a footer spelt otherwise': `v4.public.${payload}.${respell(footer)}`,
  'whitespace before': ` ${token}`,
  'whitespace after': `${token} `,
  'a line break after': `${token}\n`,
  'a line break inside': `v4.public.${payload.slice(0, 76)}\n${payload.slice(76)}.${footer}`,
  'base64 instead of base64url': `v4.public.${payload.slice(0, -1)}+.${footer}`,
  'no footer': `v4.public.${payload}`,
  'an empty footer': `v4.public.${payload}.`,
  'a fifth part': `${token}.${footer}`,
  'no payload': `v4.public..${footer}`,
  'a signature and no payload': `v4.public.${odd}.${footer}`,
  'upper case': token.toUpperCase(),
  'v2.public': forge(JSON.stringify(whole), undefined, 'v2.public.'),
  'v3.public': forge(JSON.stringify(whole), undefined, 'v3.public.'),
  'v4.local': forge(JSON.stringify(whole), undefined, 'v4.local.'),
  'a header that is not the signed one': token.replace('v4.', 'v2.'),
  nothing: '',
  '100 KB of dots': '.'.repeat(100_000),
  '100 KB of payload': `v4.public.${'A'.repeat(100_000)}.${footer}`,
}

for (const [name, text] of Object.entries(shapes)) {
  test(`refused, and not even a key is looked for: ${name}`, async t => {
    t.not(text, token)
    t.is(tokenKid(text), null)
    t.is(await verifyToken(key, text, expected), 'invalid')
  })
}

test('refused: each respelling of a payload, where one exists', async t => {
  // Three payload lengths give each of the ways in which the last character can have unused bits.
  let respelt = 0
  for (const sub of ['a', 'ab', 'abc']) {
    const text = forge(JSON.stringify({ ...whole, sub }))
    const [, , body = '', tail = ''] = text.split('.')
    const other = respell(body)
    if (!Buffer.from(other, 'base64url').equals(Buffer.from(body, 'base64url'))) continue
    respelt++
    t.is(tokenKid(`v4.public.${other}.${tail}`), null)
    t.is(await verifyToken(key, `v4.public.${other}.${tail}`, expected), 'invalid')
  }
  t.is(respelt, 2)
})

const stranger = generateKey().kid
const footers: Record<string, string> = {
  'an array as kid': `{"kid":["${kid}"]}`,
  '__proto__ as kid': '{"kid":"__proto__"}',
  'a kid under __proto__': `{"__proto__":{"kid":"${kid}"}}`,
  'two kids': `{"kid":"${stranger}","kid":"${kid}"}`,
  'a kid and a claim': `{"kid":"${kid}","wpk":"x"}`,
  'a space in the footer': `{"kid": "${kid}"}`,
  'an escape in the kid': `{"kid":"\\u006b${kid.slice(1)}"}`,
  'the id of a secret key': `{"kid":"${kid.replace('pid', 'sid')}"}`,
  'no kid': '{}',
  'no JSON': kid,
  'a footer of 10 KB': JSON.stringify({ kid, junk: 'x'.repeat(10_000) }),
  'a deep footer': '['.repeat(2000),
}

for (const [name, text] of Object.entries(footers)) {
  test(`refused before anything is parsed: ${name}`, async t => {
    const forged = forge(JSON.stringify(whole), text)
    t.is(tokenKid(forged), null)
    t.is(await verifyToken(key, forged, expected), 'invalid')
  })
}

test('refused: a token of this key that names another, and the other way round', async t => {
  const other = generateKey()
  const misnamed = forge(JSON.stringify(whole), `{"kid":"${other.kid}"}`)
  t.is(tokenKid(misnamed), other.kid)
  t.is(await verifyToken(key, misnamed, expected), 'invalid')
  const stolenName = signToken({ kid, secret: importSecret(other.paserkSecret) }, claims, {
    now: issued,
    ttlSeconds: 900,
  })
  t.is(tokenKid(stolenName), kid)
  t.is(await verifyToken(key, stolenName, expected), 'invalid')
})

const { exp: _exp, ...endless } = whole
const { iat: _iat, ...unborn } = whole
const { sub: _sub, ...nobody } = whole
const { sid: _sid, ...sessionless } = whole
const contents: Record<string, string> = {
  'no exp': JSON.stringify(endless),
  'no iat': JSON.stringify(unborn),
  'no sub': JSON.stringify(nobody),
  'no sid': JSON.stringify(sessionless),
  'exp as a number': JSON.stringify({ ...whole, exp: 4_102_444_800 }),
  'exp as a year': JSON.stringify({ ...whole, exp: '2099' }),
  'exp without a zone': JSON.stringify({ ...whole, exp: '2099-01-01T00:00:00' }),
  'exp on the 30th of February': JSON.stringify({ ...whole, exp: '2099-02-30T00:00:00Z' }),
  'exp as a list': JSON.stringify({ ...whole, exp: ['2099-01-01T00:00:00Z'] }),
  'exp as null': JSON.stringify({ ...whole, exp: null }),
  'another issuer': JSON.stringify({ ...whole, iss: 'https://evil.example' }),
  'another audience': JSON.stringify({ ...whole, aud: 'https://other.example' }),
  'a list of audiences': JSON.stringify({ ...whole, aud: [audience] }),
  'an audience with a tail': JSON.stringify({ ...whole, aud: `${audience}/` }),
  'a number as subject': JSON.stringify({ ...whole, sub: 1 }),
  'an empty subject': JSON.stringify({ ...whole, sub: '' }),
  'an object as session': JSON.stringify({ ...whole, sid: {} }),
  'iat in the future': JSON.stringify({ ...whole, iat: '2026-11-21T10:05:01Z' }),
  'nbf in the future': JSON.stringify({ ...whole, nbf: '2026-11-21T10:05:01Z' }),
  'a name twice': JSON.stringify(whole).replace('"sub":', '"sub":"user-2","sub":'),
  'claims under __proto__': `{"__proto__":${JSON.stringify(whole)}}`,
  'a list of claims': JSON.stringify([whole]),
  'no claims': 'null',
  'no JSON': 'claims',
  'a deep list': '['.repeat(2500),
  'a deep claim': JSON.stringify(whole).replace('"user-1"', '['.repeat(900) + ']'.repeat(900)),
}

for (const [name, text] of Object.entries(contents)) {
  test(`refused, though truly signed: ${name}`, async t => {
    const forged = forge(text)
    t.is(tokenKid(forged), kid)
    t.is(await verifyToken(key, forged, expected), 'invalid')
    t.is(await verifyToken(key, forged, { ...expected, allowExpired: true }), 'invalid')
  })
}

test('refused: claims that are not UTF-8', async t => {
  const text = JSON.stringify(whole).replace('user-1', '\u{10ffff}')
  const [, , body = ''] = forge(text).split('.')
  const bytes = Buffer.from(body, 'base64url')
  bytes[bytes.indexOf(0xf4)] = 0xff
  const message = bytes.subarray(0, -64)
  const tail = Buffer.from(`{"kid":"${kid}"}`)
  const header = Buffer.from('v4.public.')
  const signature = sign(null, PAE([header, message, tail, Buffer.alloc(0)]), secret.handle)
  const forged = `v4.public.${encode(Buffer.concat([message, signature]))}.${encode(tail)}`
  t.is(await verifyToken(key, forged, expected), 'invalid')
})

test('refused: a token cut at any length, or with any one character changed', async t => {
  for (let length = 0; length < token.length; length++) {
    t.is(await verifyToken(key, token.slice(0, length), expected), 'invalid')
    const other = token[length] === 'A' ? 'B' : 'A'
    const changed = token.slice(0, length) + other + token.slice(length + 1)
    t.is(await verifyToken(key, changed, expected), 'invalid')
  }
})

test('refused: a token signed for another purpose, by its implicit assertion', async t => {
  const message = Buffer.from(JSON.stringify(whole))
  const tail = Buffer.from(`{"kid":"${kid}"}`)
  const pieces = [Buffer.from('v4.public.'), message, tail, Buffer.from('challenge')]
  const signature = sign(null, PAE(pieces), secret.handle)
  const other = `v4.public.${encode(Buffer.concat([message, signature]))}.${encode(tail)}`
  t.is(await verifyToken(key, other, expected), 'invalid')
})

test('a token over 4096 characters is refused, one of 4096 is read', async t => {
  const sized = (length: number) => {
    const bare = forge(JSON.stringify({ ...whole, pad: '' }))
    let pad = Math.floor(((length - bare.length) * 3) / 4)
    let text = ''
    do text = forge(JSON.stringify({ ...whole, pad: 'x'.repeat(pad++) }))
    while (text.length < length)
    return text
  }
  t.is(sized(4096).length, 4096)
  t.not(await verifyToken(key, sized(4096), expected), 'invalid')
  t.is(await verifyToken(key, sized(4097), expected), 'invalid')
})

test('a token that is authentic but too old is expired: from the second after its end', async t => {
  const at = (time: string) => verifyToken(key, token, { ...expected, now: new Date(time) })
  t.deepEqual(await at('2026-11-21T10:15:00Z'), { claims: whole })
  t.is(await at('2026-11-21T10:15:01Z'), 'expired')
  t.is(await at('2036-11-21T10:15:01Z'), 'expired')
})

test('an expired token with anything else wrong is invalid, not expired', async t => {
  const late = { ...expected, now: new Date('2026-11-21T11:00:00Z') }
  t.is(await verifyToken(key, token, { ...late, audience: 'https://other.example' }), 'invalid')
  t.is(await verifyToken(key, token, { ...late, issuer: 'https://other.example' }), 'invalid')
  t.is(await verifyToken(key, forge(JSON.stringify({ ...whole, sid: 1 })), late), 'invalid')
})

test('an expired token may still end its session, a forged one may not', async t => {
  const late = { ...expected, now: new Date('2026-12-21T11:00:00Z'), allowExpired: true }
  t.deepEqual(await verifyToken(key, token, late), { claims: whole })
  t.is(await verifyToken(key, respell(token), late), 'invalid')
  t.is(await verifyToken(key, token, { ...late, audience: 'https://other.example' }), 'invalid')
})

test('a clock tolerance counts seconds at both ends, and is 0 unless asked for', async t => {
  const at = (time: string, clockTolerance?: number) =>
    verifyToken(key, token, { ...expected, now: new Date(time), ...(clockTolerance && { clockTolerance }) })
  t.is(await at('2026-11-21T09:59:59Z'), 'invalid')
  t.deepEqual(await at('2026-11-21T09:59:30Z', 30), { claims: whole })
  t.is(await at('2026-11-21T09:59:29Z', 30), 'invalid')
  t.deepEqual(await at('2026-11-21T10:15:30Z', 30), { claims: whole })
  t.is(await at('2026-11-21T10:15:31Z', 30), 'expired')
})

test('iat and exp are set by the signer, whatever the claims say', async t => {
  const wish = { ...claims, iat: '2020-01-01T00:00:00Z', exp: '2099-01-01T00:00:00Z' }
  const text = signToken({ kid, secret }, wish, { now: issued, ttlSeconds: 900 })
  t.is(text, token)
})
