import test from 'ava'
import { encode } from '../../src/crypto/base64url.ts'
import {
  importPublic,
  importSecret,
  keyId,
  publicV4,
  signMessage,
  tokenKid,
  verifyToken,
} from '../../src/crypto/paseto.ts'
import pids from './vectors/k4.pid.json' with { type: 'json' }
import publics from './vectors/k4.public.json' with { type: 'json' }
import secrets from './vectors/k4.secret.json' with { type: 'json' }
import tokens from './vectors/v4.public.json' with { type: 'json' }

const fromHex = (header: string, hex: string) => header + encode(Buffer.from(hex, 'hex'))
const officialKey = importPublic(fromHex('k4.public.', tokens.tests[0]?.['public-key'] ?? ''))
const now = new Date('2021-12-31T12:00:00Z')

for (const vector of tokens.tests) {
  const footer = Buffer.from(vector.footer)
  const implicitAssertion = Buffer.from(vector['implicit-assertion'])

  if (vector['expect-fail']) {
    test(`vector ${vector.name}: is refused`, async t => {
      await t.throwsAsync(publicV4.Verify(officialKey, vector.token, { now, implicitAssertion }))
      t.is(tokenKid(vector.token), null)
      t.is(await verifyToken(officialKey, vector.token, { issuer: 'i', audience: 'a', now }), 'invalid')
    })
    continue
  }

  test(`vector ${vector.name}: signing gives this very token`, t => {
    const secret = importSecret(fromHex('k4.secret.', vector['secret-key'] ?? ''))
    t.is(signMessage(secret, Buffer.from(vector.payload ?? ''), footer, implicitAssertion), vector.token)
  })

  test(`vector ${vector.name}: verifying gives its payload and footer`, async t => {
    const key = importPublic(fromHex('k4.public.', vector['public-key'] ?? ''))
    const read = await publicV4.Verify(key, vector.token, { now, implicitAssertion })
    t.is(JSON.stringify(read.claims), vector.payload ?? '')
    t.is(Buffer.from(read.footer).toString(), vector.footer)
  })

  test(`vector ${vector.name}: another implicit assertion is refused`, async t => {
    const other = Buffer.from(vector['implicit-assertion'] ? '' : '{"test-vector":"4-S-3"}')
    const key = importPublic(fromHex('k4.public.', vector['public-key'] ?? ''))
    const code = 'ERR_PASETO_INVALID_TOKEN'
    await t.throwsAsync(publicV4.Verify(key, vector.token, { now, implicitAssertion: other }), { code })
  })
}

for (const vector of pids.tests) {
  test(`vector ${vector.name}`, t => {
    const paserk = fromHex('k4.public.', vector.key)
    if (vector.paserk === null) t.throws(() => keyId(paserk), { instanceOf: TypeError })
    else t.is(keyId(paserk), vector.paserk)
  })
}

test('a key of another version or purpose has no id and is not imported', t => {
  const { key } = pids.tests[1] ?? { key: '' }
  for (const header of ['k3.public.', 'k2.public.', 'k4.secret.', 'k4.local.', 'K4.public.', '']) {
    t.throws(() => keyId(fromHex(header, key)), { instanceOf: TypeError })
    t.throws(() => importPublic(fromHex(header, key)), { instanceOf: TypeError })
  }
  t.throws(() => importPublic(`${fromHex('k4.public.', key)}=`), { instanceOf: TypeError })
})

for (const vector of publics.tests) {
  test(`vector ${vector.name}`, t => {
    const { handle, kid } = importPublic(vector.paserk)
    t.is(handle.export({ format: 'jwk' }).x, encode(Buffer.from(vector.key, 'hex')))
    t.is(kid, pids.tests.find(pid => pid.key === vector.key)?.paserk ?? '')
  })
}

for (const vector of secrets.tests) {
  test(`vector ${vector.name}`, t => {
    const { handle, kid } = importSecret(vector.paserk)
    const { d, x } = handle.export({ format: 'jwk' })
    t.is(d, encode(Buffer.from(vector['secret-key-seed'], 'hex')))
    t.is(x, encode(Buffer.from(vector['public-key'], 'hex')))
    t.is(kid, keyId(fromHex('k4.public.', vector['public-key'])))
  })
}

test('a secret key whose halves do not belong together is refused, and not named', t => {
  const [first, second] = secrets.tests
  const mixed = fromHex('k4.secret.', `${first?.['secret-key-seed']}${second?.['public-key']}`)
  const fault = t.throws(() => importSecret(mixed), { instanceOf: TypeError })
  t.false(fault.message.includes(mixed.slice(10, 30)))
})
