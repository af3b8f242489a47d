import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import anyTest from 'ava'
import { sign as signForeign, verify as verifyForeign } from 'paseto-ts/v4'
import { verifyWith } from '../../../packages/guard/src/check-token.ts'
import type { Claims, UserClaims } from '../../../packages/guard/src/claims.ts'
import { encodePieces as PAE, parseToken, signedBytes } from '../../../packages/guard/src/signed-token.ts'
import { decode, encode } from '../../../src/platform/base/base64url.ts'
import {
  checkSignature,
  openTokenCheck,
  signMessage,
  signToken,
} from '../../../src/platform/crypto/paseto.ts'
import {
  generateKey,
  importPublic,
  importSecret,
  keyId,
  type PublicKey,
} from '../../../src/platform/crypto/paseto-keys.ts'
import pids from './vectors/k4.pid.json' with { type: 'json' }
import publics from './vectors/k4.public.json' with { type: 'json' }
import secrets from './vectors/k4.secret.json' with { type: 'json' }
import tokens from './vectors/v4.public.json' with { type: 'json' }

// Access tokens: the official test vectors, a second implementation, and every malformed token.

const test = anyTest.serial

const tokenKid = (token: string): string | null => parseToken(token)?.kid ?? null

type Expected = {
  issuer: string
  audience: string
  now: Date
  clockTolerance?: number
  allowExpired?: boolean
}

const verifyToken = async (
  key: PublicKey,
  token: string,
  { now, clockTolerance = 0, allowExpired = false, ...expected }: Expected,
): Promise<{ claims: Claims } | 'expired' | 'invalid'> => {
  const check = openTokenCheck({
    ...expected,
    clockTolerance,
    findKey: kid => (kid === key.kid ? key : null),
  })
  const checked = await check(token, now)
  const verified = await verifyWith(key, token, { ...expected, checkSignature })
  if (checked === 'invalid') return 'invalid'
  if (!verified) throw new Error('the check accepts a token that the verifier refuses')
  return checked.isExpired && !allowExpired ? 'expired' : { claims: checked.claims }
}

{
  const fromHex = (header: string, hex: string) => header + encode(Buffer.from(hex, 'hex'))
  const officialKey = importPublic(fromHex('k4.public.', tokens.tests[0]?.['public-key'] ?? ''))
  const now = new Date('2021-12-31T12:00:00Z')

  /** The protocol alone: the official vectors have footers that are not ours. */
  const isSigned = (key: PublicKey, token: string, footer: Buffer, implicit: Buffer): boolean => {
    const [version, purpose, body = '', tail = ''] = token.split('.')
    const payload = decode(body)
    if (version !== 'v4' || purpose !== 'public' || !payload || tail !== encode(footer)) return false
    const message = payload.slice(0, -64)
    return checkSignature(key, signedBytes({ message, footer }, implicit), payload.slice(-64)) === true
  }

  for (const vector of tokens.tests) {
    const footer = Buffer.from(vector.footer)
    const implicitAssertion = Buffer.from(vector['implicit-assertion'])

    if (vector['expect-fail']) {
      test(`vector ${vector.name} → refused`, async t => {
        t.false(isSigned(officialKey, vector.token, footer, implicitAssertion))
        t.is(tokenKid(vector.token), null)
        t.is(await verifyToken(officialKey, vector.token, { issuer: 'i', audience: 'a', now }), 'invalid')
      })
      continue
    }

    test(`vector ${vector.name} → signing produces this token`, t => {
      const secret = importSecret(fromHex('k4.secret.', vector['secret-key'] ?? ''))
      t.is(signMessage(secret, Buffer.from(vector.payload ?? ''), footer, implicitAssertion), vector.token)
    })

    test(`vector ${vector.name} → verifying returns its payload and footer`, async t => {
      const key = importPublic(fromHex('k4.public.', vector['public-key'] ?? ''))
      t.true(isSigned(key, vector.token, footer, implicitAssertion))
      const [, , body = '', tail = ''] = vector.token.split('.')
      t.is(Buffer.from(decode(body)?.slice(0, -64) ?? []).toString(), vector.payload ?? '')
      t.is(Buffer.from(decode(tail) ?? []).toString(), vector.footer)
    })

    test(`vector ${vector.name} → another implicit assertion is refused`, async t => {
      const other = Buffer.from(vector['implicit-assertion'] ? '' : '{"test-vector":"4-S-3"}')
      const key = importPublic(fromHex('k4.public.', vector['public-key'] ?? ''))
      t.false(isSigned(key, vector.token, footer, other))
    })
  }

  for (const vector of pids.tests) {
    test(`vector ${vector.name} → the key id is as published`, t => {
      const paserk = fromHex('k4.public.', vector.key)
      if (vector.paserk === null) t.throws(() => keyId(paserk), { instanceOf: TypeError })
      else t.is(keyId(paserk), vector.paserk)
    })
  }

  test('key of another version or purpose → no key id and no import', t => {
    const { key } = pids.tests[1] ?? { key: '' }
    for (const header of ['k3.public.', 'k2.public.', 'k4.secret.', 'k4.local.', 'K4.public.', '']) {
      t.throws(() => keyId(fromHex(header, key)), { instanceOf: TypeError })
      t.throws(() => importPublic(fromHex(header, key)), { instanceOf: TypeError })
    }
    t.throws(() => importPublic(`${fromHex('k4.public.', key)}=`), { instanceOf: TypeError })
  })

  for (const vector of publics.tests) {
    test(`vector ${vector.name} → the public key is imported`, t => {
      const { handle, kid } = importPublic(vector.paserk)
      t.is(handle.export({ format: 'jwk' }).x, encode(Buffer.from(vector.key, 'hex')))
      t.is(kid, pids.tests.find(pid => pid.key === vector.key)?.paserk ?? '')
    })
  }

  for (const vector of secrets.tests) {
    test(`vector ${vector.name} → the secret key is imported`, t => {
      const { handle, kid } = importSecret(vector.paserk)
      const { d, x } = handle.export({ format: 'jwk' })
      t.is(d, encode(Buffer.from(vector['secret-key-seed'], 'hex')))
      t.is(x, encode(Buffer.from(vector['public-key'], 'hex')))
      t.is(kid, keyId(fromHex('k4.public.', vector['public-key'])))
    })
  }

  test('secret key with halves of two keys → refused, and the error does not contain it', t => {
    const [first, second] = secrets.tests
    const mixed = fromHex('k4.secret.', `${first?.['secret-key-seed']}${second?.['public-key']}`)
    const error = t.throws(() => importSecret(mixed), { instanceOf: TypeError })
    t.false(error.message.includes(mixed.slice(10, 30)))
  })
}

{
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

  /** A token with a valid signature over any payload. */
  function signRaw(payloadText: string, footerText = `{"kid":"${kid}"}`, header = 'v4.public.'): string {
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

  test('token of signToken → accepted with its claims and a footer that names the key', async t => {
    t.is(Buffer.from(footer, 'base64url').toString(), `{"kid":"${kid}"}`)
    t.is(tokenKid(token), kid)
    t.deepEqual(await verifyToken(key, token, expected), { claims: whole })
  })

  test('token built by the test itself → accepted, so the refusals below have other causes', async t => {
    t.deepEqual(await verifyToken(key, signRaw(JSON.stringify(whole)), expected), { claims: whole })
  })

  const odd = 'A'.repeat(86)
  const malformedTokens: Record<string, string> = {
    'padding after the payload': `v4.public.${payload}=.${footer}`,
    'padding after the footer': `${token}==`,
    'a footer in another spelling': `v4.public.${payload}.${respell(footer)}`,
    'whitespace before': ` ${token}`,
    'whitespace after': `${token} `,
    'a line break after': `${token}\n`,
    'a line break inside': `v4.public.${payload.slice(0, 76)}\n${payload.slice(76)}.${footer}`,
    'base64 instead of base64url': `v4.public.${payload.slice(0, -1)}+.${footer}`,
    'no footer': `v4.public.${payload}`,
    'an empty footer': `v4.public.${payload}.`,
    'a fifth part': `${token}.${footer}`,
    'no payload': `v4.public..${footer}`,
    'only a signature': `v4.public.${odd}.${footer}`,
    'upper case': token.toUpperCase(),
    'v2.public': signRaw(JSON.stringify(whole), undefined, 'v2.public.'),
    'v3.public': signRaw(JSON.stringify(whole), undefined, 'v3.public.'),
    'v4.local': signRaw(JSON.stringify(whole), undefined, 'v4.local.'),
    'another header than the signed one': token.replace('v4.', 'v2.'),
    'an empty string': '',
    '100 KB of dots': '.'.repeat(100_000),
    '100 KB of payload': `v4.public.${'A'.repeat(100_000)}.${footer}`,
  }

  for (const [name, text] of Object.entries(malformedTokens)) {
    test(`token refused without a key lookup: ${name}`, async t => {
      t.not(text, token)
      t.is(tokenKid(text), null)
      t.is(await verifyToken(key, text, expected), 'invalid')
    })
  }

  test('payload in another base64url spelling → refused', async t => {
    // Three payload lengths cover all numbers of unused bits in the last character.
    let respelt = 0
    for (const sub of ['a', 'ab', 'abc']) {
      const text = signRaw(JSON.stringify({ ...whole, sub }))
      const [, , body = '', tail = ''] = text.split('.')
      const other = respell(body)
      if (!Buffer.from(other, 'base64url').equals(Buffer.from(body, 'base64url'))) continue
      respelt++
      t.is(tokenKid(`v4.public.${other}.${tail}`), null)
      t.is(await verifyToken(key, `v4.public.${other}.${tail}`, expected), 'invalid')
    }
    t.is(respelt, 2)
  })

  const unknownKid = generateKey().kid
  const footers: Record<string, string> = {
    'an array as kid': `{"kid":["${kid}"]}`,
    '__proto__ as kid': '{"kid":"__proto__"}',
    'a kid under __proto__': `{"__proto__":{"kid":"${kid}"}}`,
    'two kids': `{"kid":"${unknownKid}","kid":"${kid}"}`,
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
    test(`footer refused before it is parsed: ${name}`, async t => {
      const forged = signRaw(JSON.stringify(whole), text)
      t.is(tokenKid(forged), null)
      t.is(await verifyToken(key, forged, expected), 'invalid')
    })
  }

  test('token signed by one key that names another key → refused', async t => {
    const other = generateKey()
    const misnamed = signRaw(JSON.stringify(whole), `{"kid":"${other.kid}"}`)
    t.is(tokenKid(misnamed), other.kid)
    t.is(await verifyToken(key, misnamed, expected), 'invalid')
    const stolenName = signToken({ kid, secret: importSecret(other.paserkSecret) }, claims, {
      now: issued,
      ttlSeconds: 900,
    })
    t.is(tokenKid(stolenName), kid)
    t.is(await verifyToken(key, stolenName, expected), 'invalid')
  })

  const { exp: _exp, ...withoutExp } = whole
  const { iat: _iat, ...withoutIat } = whole
  const { sub: _sub, ...withoutSub } = whole
  const { sid: _sid, ...withoutSid } = whole
  const { roles: _roles, ...rest } = withoutSid
  const machine = { ...rest, sub: 'lkc_1', client_id: 'lkc_1', scope: 'users:read orders:read' }
  const badClaims: Record<string, string> = {
    'no exp': JSON.stringify(withoutExp),
    'no iat': JSON.stringify(withoutIat),
    'no sub': JSON.stringify(withoutSub),
    'no sid': JSON.stringify(withoutSid),
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
    'a user who is a machine client too': JSON.stringify({ ...whole, client_id: whole.sub, scope: 'a' }),
    'a user with a scope': JSON.stringify({ ...whole, scope: 'users:write' }),
    'a machine client under another subject': JSON.stringify({ ...machine, sub: 'lkc_2' }),
    'a machine client without a scope': JSON.stringify({ ...machine, scope: undefined }),
    'a list of scopes': JSON.stringify({ ...machine, scope: ['users:write'] }),
    'roles as a text': JSON.stringify({ ...whole, roles: 'admin' }),
    'a list of numbers as roles': JSON.stringify({ ...whole, roles: [1] }),
    'email_verified as a text': JSON.stringify({ ...whole, email_verified: 'false' }),
    'auth_time as a number': JSON.stringify({ ...whole, auth_time: 1 }),
    'acr as a list': JSON.stringify({ ...whole, acr: ['aal2'] }),
    'exp in another zone': JSON.stringify({ ...whole, exp: '2099-01-01T00:00:00+00:00' }),
    'exp at second 60': JSON.stringify({ ...whole, exp: '2099-01-01T00:00:60Z' }),
    'a number in another spelling': JSON.stringify(whole).replace('"roles"', '"n":1.0,"roles"'),
    'no claims': 'null',
    'no JSON': 'claims',
    'a deep list': '['.repeat(2500),
    'a deep claim': JSON.stringify(whole).replace('"user-1"', '['.repeat(900) + ']'.repeat(900)),
  }

  for (const [name, text] of Object.entries(badClaims)) {
    test(`token with a valid signature refused for its claims: ${name}`, async t => {
      const forged = signRaw(text)
      t.is(tokenKid(forged), kid)
      t.is(await verifyToken(key, forged, expected), 'invalid')
      t.is(await verifyToken(key, forged, { ...expected, allowExpired: true }), 'invalid')
    })
  }

  test('token of a machine client → accepted, with its own claims', async t => {
    t.deepEqual(await verifyToken(key, signRaw(JSON.stringify(machine)), expected), { claims: machine })
  })

  test('token signed with a secret key that is made of the public key → refused', async t => {
    const { x = '' } = key.handle.export({ format: 'jwk' })
    const seed = Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.from(x, 'base64url'),
    ])
    const handle = createPrivateKey({ key: seed, format: 'der', type: 'pkcs8' })
    const forged = signToken({ kid, secret: { ...secret, handle } }, claims, { now: issued, ttlSeconds: 900 })
    t.is(tokenKid(forged), kid)
    t.is(await verifyToken(key, forged, expected), 'invalid')
  })

  test('claims that are not UTF-8 → refused', async t => {
    const text = JSON.stringify(whole).replace('user-1', '\u{10ffff}')
    const [, , body = ''] = signRaw(text).split('.')
    const bytes = Buffer.from(body, 'base64url')
    bytes[bytes.indexOf(0xf4)] = 0xff
    const message = bytes.subarray(0, -64)
    const tail = Buffer.from(`{"kid":"${kid}"}`)
    const header = Buffer.from('v4.public.')
    const signature = sign(null, PAE([header, message, tail, Buffer.alloc(0)]), secret.handle)
    const forged = `v4.public.${encode(Buffer.concat([message, signature]))}.${encode(tail)}`
    t.is(await verifyToken(key, forged, expected), 'invalid')
  })

  test('token cut at any length or with one changed character → refused', async t => {
    for (let length = 0; length < token.length; length++) {
      t.is(await verifyToken(key, token.slice(0, length), expected), 'invalid')
      const other = token[length] === 'A' ? 'B' : 'A'
      const changed = token.slice(0, length) + other + token.slice(length + 1)
      t.is(await verifyToken(key, changed, expected), 'invalid')
    }
  })

  test('token signed with an implicit assertion for another purpose → refused', async t => {
    const message = Buffer.from(JSON.stringify(whole))
    const tail = Buffer.from(`{"kid":"${kid}"}`)
    const pieces = [Buffer.from('v4.public.'), message, tail, Buffer.from('revocations')]
    const signature = sign(null, PAE(pieces), secret.handle)
    const other = `v4.public.${encode(Buffer.concat([message, signature]))}.${encode(tail)}`
    t.is(await verifyToken(key, other, expected), 'invalid')
  })

  test('token of 4096 characters → read, of more → refused', async t => {
    const sized = (length: number) => {
      const bare = signRaw(JSON.stringify({ ...whole, pad: '' }))
      let pad = Math.floor(((length - bare.length) * 3) / 4)
      let text = ''
      do text = signRaw(JSON.stringify({ ...whole, pad: 'x'.repeat(pad++) }))
      while (text.length < length)
      return text
    }
    t.is(sized(4096).length, 4096)
    t.not(await verifyToken(key, sized(4096), expected), 'invalid')
    t.is(await verifyToken(key, sized(4097), expected), 'invalid')
  })

  test('authentic token after its exp → expired from the next second on', async t => {
    const at = (time: string) => verifyToken(key, token, { ...expected, now: new Date(time) })
    t.deepEqual(await at('2026-11-21T10:15:00Z'), { claims: whole })
    t.is(await at('2026-11-21T10:15:01Z'), 'expired')
    t.is(await at('2036-11-21T10:15:01Z'), 'expired')
  })

  test('expired token with another fault → invalid instead of expired', async t => {
    const late = { ...expected, now: new Date('2026-11-21T11:00:00Z') }
    t.is(await verifyToken(key, token, { ...late, audience: 'https://other.example' }), 'invalid')
    t.is(await verifyToken(key, token, { ...late, issuer: 'https://other.example' }), 'invalid')
    t.is(await verifyToken(key, signRaw(JSON.stringify({ ...whole, sid: 1 })), late), 'invalid')
  })

  test('allowExpired → an expired token is accepted, a forged one is not', async t => {
    const late = { ...expected, now: new Date('2026-12-21T11:00:00Z'), allowExpired: true }
    t.deepEqual(await verifyToken(key, token, late), { claims: whole })
    t.is(await verifyToken(key, respell(token), late), 'invalid')
    t.is(await verifyToken(key, token, { ...late, audience: 'https://other.example' }), 'invalid')
  })

  test('clock tolerance → applies to iat and exp, and is 0 by default', async t => {
    const at = (time: string, clockTolerance?: number) =>
      verifyToken(key, token, { ...expected, now: new Date(time), ...(clockTolerance && { clockTolerance }) })
    t.is(await at('2026-11-21T09:59:59Z'), 'invalid')
    t.deepEqual(await at('2026-11-21T09:59:30Z', 30), { claims: whole })
    t.is(await at('2026-11-21T09:59:29Z', 30), 'invalid')
    t.deepEqual(await at('2026-11-21T10:15:30Z', 30), { claims: whole })
    t.is(await at('2026-11-21T10:15:31Z', 30), 'expired')
  })

  test('iat and exp in the claims to sign → overwritten by the signer', async t => {
    const wantedClaims = { ...claims, iat: '2020-01-01T00:00:00Z', exp: '2099-01-01T00:00:00Z' }
    const text = signToken({ kid, secret }, wantedClaims, { now: issued, ttlSeconds: 900 })
    t.is(text, token)
  })
}

{
  const issuer = 'https://accounts.example'
  const now = new Date()
  const expected = { issuer, audience: issuer, now }
  const claims = { iss: issuer, aud: issuer, sub: 'user-1', sid: 'session-1' }

  test('our token and published key → another implementation verifies it', async t => {
    const { kid, paserkPublic, paserkSecret } = generateKey()
    const token = signToken({ kid, secret: importSecret(paserkSecret) }, claims, { now, ttlSeconds: 900 })
    const read = verifyForeign(paserkPublic, token)
    t.like(read.payload, claims)
    t.deepEqual(read.footer, { kid })
    t.throws(() => verifyForeign(generateKey().paserkPublic, token))
  })

  test('same claims → another implementation produces the identical token', t => {
    const { kid, paserkSecret } = generateKey()
    const secret = importSecret(paserkSecret)
    for (const name of ['Ada', 'Zoltán "Z" \\ Ünï', 'آدا', '𝒜\u{1F511}', '\uD800', '<b>\u2028\0', '']) {
      const signedClaims = { ...claims, name, roles: ['admin', name], email_verified: true }
      const [iat, exp] = ['2020-01-01T00:00:00Z', '2120-01-01T00:00:00Z']
      const options = { footer: { kid }, addExp: false, addIat: false }
      const theirs = signForeign(paserkSecret, { ...signedClaims, iat, exp }, options)
      const [now, ttlSeconds] = [
        new Date('2020-01-01T00:00:00.999Z'),
        (Date.parse(exp) - Date.parse(iat)) / 1000,
      ]
      t.is(signToken({ kid, secret }, signedClaims, { now, ttlSeconds }), theirs, name)
    }
  })

  test('token signed by another implementation with our key → accepted', async t => {
    const { kid, paserkPublic, paserkSecret } = generateKey()
    const [iat, exp] = [now.toISOString(), new Date(now.valueOf() + 900_000).toISOString()]
    const token = signForeign(
      paserkSecret,
      { ...claims, iat, exp },
      { footer: { kid }, addExp: false, addIat: false },
    )
    t.deepEqual(await verifyToken(importPublic(paserkPublic), token, expected), {
      claims: { ...claims, iat, exp },
    })
  })

  test('token signed by another implementation with its own key → refused', async t => {
    const ours = generateKey()
    const theirs = generateKey()
    const [iat, exp] = [now.toISOString(), new Date(now.valueOf() + 900_000).toISOString()]
    const options = { addExp: false, addIat: false }
    for (const kid of [ours.kid, theirs.kid, keyId(theirs.paserkPublic)]) {
      const token = signForeign(theirs.paserkSecret, { ...claims, iat, exp }, { ...options, footer: { kid } })
      t.is(await verifyToken(importPublic(ours.paserkPublic), token, expected), 'invalid')
    }
  })
}

{
  // A cached token costs no signature check, and gets the same result as one that is not cached.

  const issuer = 'https://auth.example'
  const noon = new Date('2026-01-01T12:00:00Z')
  const later = (seconds: number): Date => new Date(noon.getTime() + seconds * 1000)
  const made = generateKey()
  const secret = importSecret(made.paserkSecret)

  const sign = (sid: string, { now = noon, ttlSeconds = 900 } = {}): string => {
    const claims = { iss: issuer, aud: issuer, sub: 'a user', sid, roles: ['user'] }
    return signToken({ kid: made.kid, secret }, claims, { now, ttlSeconds })
  }

  /** A key that counts how often it checks a signature. */
  const counting = (paserk = made.paserkPublic): { key: PublicKey; checked: () => number } => {
    const { handle, ...rest } = importPublic(paserk)
    let checks = 0
    const key = Object.defineProperty(rest, 'handle', {
      get: (): KeyObject => {
        checks++
        return handle
      },
    }) as unknown as PublicKey
    return { key, checked: () => checks }
  }

  const openCheck = (maxTokens = 100) => {
    const { key, checked } = counting()
    const ring = new Map([[key.kid, key]])
    const check = openTokenCheck({
      ...{ issuer, audience: issuer, clockTolerance: 5, maxTokens },
      findKey: async kid => ring.get(kid) ?? null,
    })
    return { ring, key, check, checked }
  }

  test('same token several times → one signature check', async t => {
    const { check, checked } = openCheck()
    const token = await sign('one')
    const first = await check(token, noon)
    for (let i = 0; i < 5; i++) t.deepEqual(await check(token, later(i)), first)
    t.is(checked(), 1)
  })

  test('token that differs from a cached one in one character → refused', async t => {
    const { check } = openCheck()
    const token = await sign('one')
    await check(token, noon)
    for (const at of [10, 40, 200, token.length - 75, token.length - 1]) {
      const other = token[at] === 'A' ? 'B' : 'A'
      t.is(await check(token.slice(0, at) + other + token.slice(at + 1), noon), 'invalid')
    }
    t.is(await check(`${token} `, noon), 'invalid')
    t.is(await check(token.toLowerCase(), noon), 'invalid')
  })

  test('cached token after its exp → reported as expired to the second and dropped from the cache', async t => {
    const { check, checked } = openCheck()
    const token = await sign('one')
    const at = async (seconds: number) => {
      const outcome = await check(token, later(seconds))
      return outcome === 'invalid' ? outcome : outcome.isExpired
    }
    t.is(await at(0), false)
    t.is(await at(905), false)
    t.is(checked(), 1)
    t.is(await at(906), true)
    t.is(await at(906), true)
    t.is(checked(), 2)
  })

  test('token issued in the future → refused, cached or not', async t => {
    const { check } = openCheck()
    const token = await sign('one', { now: later(60) })
    t.is(await check(token, noon), 'invalid')
    t.not(await check(token, later(60)), 'invalid')
    t.is(await check(token, noon), 'invalid')
  })

  test('key is withdrawn → cached tokens of that key are refused', async t => {
    const { check, ring, key } = openCheck()
    const token = await sign('one')
    t.not(await check(token, noon), 'invalid')
    ring.delete(key.kid)
    t.is(await check(token, noon), 'invalid')
  })

  test('key ring is reloaded → cached tokens are checked again', async t => {
    const { check, ring, key } = openCheck()
    const token = await sign('one')
    await check(token, noon)
    const again = counting()
    ring.set(key.kid, again.key)
    t.not(await check(token, noon), 'invalid')
    t.is(again.checked(), 1)

    const { key: foreign } = counting(generateKey().paserkPublic)
    ring.set(key.kid, Object.defineProperty(foreign, 'kid', { value: key.kid }))
    t.is(await check(token, noon), 'invalid')
    ring.set(key.kid, key)
    t.not(await check(token, noon), 'invalid')
  })

  test('more tokens than the cache holds → recently used ones stay cached', async t => {
    const { check, checked } = openCheck(10)
    const tokens = await Promise.all(Array.from({ length: 40 }, (_, i) => sign(`number ${i}`)))
    const [steady = ''] = tokens
    for (const token of tokens) {
      await check(token, noon)
      await check(steady, noon)
    }
    t.is(checked(), 40, 'a token in constant use is not checked again')
    for (const token of tokens.slice(1, 30)) await check(token, noon)
    t.is(checked(), 69, 'evicted tokens are checked again')
  })

  test('handler changes the claims of a cached token → TypeError, the next request is unaffected', async t => {
    const { check } = openCheck()
    const token = await sign('one')
    const first = await check(token, noon)
    if (first === 'invalid') return t.fail()
    t.throws(() => ((first.claims as UserClaims).roles as string[]).push('admin'), { instanceOf: TypeError })
    t.throws(() => Object.assign(first.claims, { sub: 'another' }), { instanceOf: TypeError })
    const second = await check(token, noon)
    t.deepEqual(second === 'invalid' ? second : (second.claims as UserClaims).roles, ['user'])
  })
}
