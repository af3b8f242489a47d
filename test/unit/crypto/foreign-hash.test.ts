import { pbkdf2Sync } from 'node:crypto'
import test from 'ava'
import bcrypt from 'bcrypt'
import {
  type ForeignHash,
  matchesForeignHash,
  readForeignHash,
} from '../../../src/platform/crypto/foreign-hash.ts'
import { isImportable, openHasher } from '../../../src/platform/crypto/password.ts'

const hasher = openHasher({ cost: 4, threads: 1, maxQueue: 1000, timeoutMs: 60_000 })
test.after.always(() => hasher[Symbol.asyncDispose]())

const base64 = (bytes: Buffer | string) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
const hex = (text: string) => Buffer.from(text, 'hex')

const matches = (password: string, text: string) => {
  const foreign = readForeignHash(text)
  if (!foreign) throw new Error(`not read: ${text}`)
  return matchesForeignHash(password, foreign)
}

const rfc7914 =
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'
const rfc6070 = '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038'
const longSalt = base64('saltSALTsaltSALTsaltSALTsaltSALTsalt')
const long = 'passwordPASSWORDpassword'
const greek = 'Ιωαννης'

// Vectors from the README and the tests of the argon2 reference code, from the tests of passlib and of
// RustCrypto's pbkdf2, from RFC 7914 (section 12) and from RFC 6070.
const vectors: [name: string, password: string, hash: string][] = [
  ['argon2i', 'password', '$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG'],
  [
    'argon2i, little memory',
    'password',
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8',
  ],
  [
    'argon2i, a NUL at the end',
    'password\0',
    '$argon2i$v=19$m=512,t=2,p=2$c29tZXNhbHQ$Fb5+nPuLzZvtqKRwqUEtUQ',
  ],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ],
  [
    'argon2id, two lanes',
    'password',
    '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
  ],
  ['argon2d', 'password', '$argon2d$v=19$m=102400,t=2,p=8$g2RodLh8j8WbSdCp+lUy/A$zzAJqL/HSjm809PYQu6qkA'],
  ['scrypt', 'pleaseletmein', `$scrypt$ln=14,r=8,p=1$${base64('SodiumChloride')}$${base64(hex(rfc7914))}`],
  [
    'scrypt, passlib',
    'test',
    '$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA',
  ],
  [
    'scrypt, two lanes',
    'nacl',
    '$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds',
  ],
  ['PBKDF2 with SHA-1', long, `$pbkdf2-sha1$i=4096$${longSalt}$${base64(hex(rfc6070))}`],
  [
    'PBKDF2 with a length',
    long,
    `$pbkdf2-sha256$i=4096,l=40$${longSalt}$NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q`,
  ],
  ['passlib, SHA-1', 'password', '$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI'],
  [
    'passlib, SHA-256',
    'password',
    '$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ',
  ],
  [
    'passlib, SHA-512',
    'password',
    '$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww',
  ],
  [
    'passlib, Greek letters',
    greek,
    '$pbkdf2-sha512$1212$KkbvoKGsAIcF8IslDR6skQ$8be/PRmd88Ps8fmPowCJttH9G3vgxpG.Krjt3KT.NP6cKJ0V4Prarqf.HBwz0dCkJ6xgWnSj2ynXSV7MlvMa8Q',
  ],
]

for (const [name, password, hash] of vectors) {
  test(`published hash ${name} → read, and matches only its password`, t => {
    t.true(matches(password, hash))
    for (const other of [`${password}x`, password.slice(0, -1), password.toUpperCase(), ''])
      t.false(matches(other, hash))
    const foreign = readForeignHash(hash) as ForeignHash
    const touched = Buffer.from(foreign.hash)
    touched[0] = (touched[0] ?? 0) ^ 1
    t.false(matchesForeignHash(password, { ...foreign, hash: touched }))
  })

  test.serial(`hasher compares a published hash in its thread and requests a rehash: ${name}`, async t => {
    t.true(isImportable(hash))
    t.deepEqual(await hasher.compare(password, hash), { matches: true, needsRehash: true })
    t.deepEqual(await hasher.compare(`${password}x`, hash), { matches: false, needsRehash: false })
  })
}

// The salts of these vectors are shorter than the import accepts, so the functions are tested directly.
const rfcs: [name: string, password: string, foreign: ForeignHash][] = [
  [
    'scrypt with 16 lanes, RFC 7914',
    'password',
    {
      ...{ kind: 'scrypt', logN: 10, blockSize: 8, lanes: 16, salt: Buffer.from('NaCl') },
      hash: hex(
        'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
      ),
    },
  ],
  [
    'PBKDF2 with SHA-256, RFC 7914',
    'Password',
    {
      ...{ kind: 'pbkdf2', digest: 'sha256', iterations: 80_000, salt: Buffer.from('NaCl') },
      hash: hex(
        '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d',
      ),
    },
  ],
  [
    'PBKDF2 with SHA-1 and NULs, RFC 6070',
    'pass\0word',
    {
      ...{ kind: 'pbkdf2', digest: 'sha1', iterations: 4096, salt: Buffer.from('sa\0lt') },
      hash: hex('56fa6aa75548099dcc37d7f03425e0c3'),
    },
  ],
]
for (const [name, password, foreign] of rfcs)
  test(`computed hash equals the RFC vector: ${name}`, t => {
    t.true(matchesForeignHash(password, foreign))
    t.false(matchesForeignHash(`${password} `, foreign))
  })

const salt = base64('somesalt')
const hash = base64(Buffer.alloc(32, 7))
const tail = `${salt}$${hash}`
const argon2 = (costs: string) => `$argon2id$v=19$${costs}$${tail}`
const scrypt = (costs: string) => `$scrypt$${costs}$${tail}`
const pbkdf2 = (costs: string, digest = 'sha256', bytes = 32) =>
  `$pbkdf2-${digest}$${costs}$${salt}$${base64(Buffer.alloc(bytes, 7))}`
const sized = (saltBytes: number, hashBytes: number) =>
  `$argon2id$v=19$m=64,t=1,p=1$${base64(Buffer.alloc(saltBytes))}$${base64(Buffer.alloc(hashBytes))}`

// The most expensive value that is accepted, and the next one, which is refused.
const limits: [name: string, accepted: string, refused: string][] = [
  ['argon2 memory', argon2('m=131072,t=4,p=1'), argon2('m=131073,t=1,p=1')],
  ['argon2 passes', argon2('m=32768,t=16,p=1'), argon2('m=1024,t=17,p=1')],
  ['argon2 lanes', argon2('m=65536,t=1,p=16'), argon2('m=65536,t=1,p=17')],
  ['argon2 memory over all passes', argon2('m=65536,t=8,p=1'), argon2('m=65537,t=8,p=1')],
  ['argon2 memory of a lane', argon2('m=32,t=1,p=4'), argon2('m=31,t=1,p=4')],
  ['scrypt memory by N', scrypt('ln=17,r=8,p=1'), scrypt('ln=18,r=8,p=1')],
  ['scrypt memory by block', scrypt('ln=10,r=1024,p=1'), scrypt('ln=10,r=1025,p=1')],
  ['scrypt lanes', scrypt('ln=10,r=8,p=16'), scrypt('ln=10,r=8,p=17')],
  ['scrypt memory over all lanes', scrypt('ln=17,r=8,p=4'), scrypt('ln=17,r=8,p=5')],
  ['scrypt N for its block', scrypt('ln=15,r=1,p=1'), scrypt('ln=16,r=1,p=1')],
  ['PBKDF2 iterations', pbkdf2('i=2000000'), pbkdf2('i=2000001')],
  ['PBKDF2 blocks', pbkdf2('i=1000000', 'sha1', 40), pbkdf2('i=1000000', 'sha1', 41)],
  ['passlib rounds', pbkdf2('2000000'), pbkdf2('2000001')],
  ['the shortest salt', sized(8, 32), sized(7, 32)],
  ['the longest salt', sized(64, 32), sized(65, 32)],
  ['the shortest hash', sized(8, 16), sized(8, 15)],
  ['the longest hash', sized(8, 64), sized(8, 65)],
  ['bcrypt', `$2b$16$${'a'.repeat(53)}`, `$2b$17$${'a'.repeat(53)}`],
]
for (const [name, accepted, refused] of limits)
  test(`import limit of ${name} → the highest value is accepted, the next is refused`, t => {
    t.true(isImportable(accepted))
    t.false(isImportable(refused))
    t.is(readForeignHash(refused), null)
  })

test('smallest and largest accepted parameters → computed without an error', t => {
  for (const text of [
    ...[argon2('m=32,t=1,p=4'), argon2('m=129,t=1,p=16'), scrypt('ln=15,r=1,p=1'), scrypt('ln=1,r=1,p=16')],
    ...[scrypt('ln=17,r=8,p=1'), pbkdf2('i=1'), pbkdf2('1', 'sha512', 64), sized(64, 16), sized(8, 64)],
  ])
    t.false(matches('', text))
})

const broken: Record<string, string> = {
  'an empty string': '',
  'another function': `$sha512$i=1$${tail}`,
  'an older argon2': `$argon2id$v=16$m=64,t=1,p=1$${tail}`,
  'argon2 without a version': `$argon2id$m=64,t=1,p=1$${tail}`,
  'argon2 with a key': `$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA$${tail}`,
  'an unknown argon2 variant': `$argon2x$v=19$m=64,t=1,p=1$${tail}`,
  'costs in another order': argon2('t=1,m=64,p=1'),
  'a cost twice': argon2('m=64,m=64,t=1,p=1'),
  'a cost of zero': argon2('m=64,t=0,p=1'),
  'a negative cost': argon2('m=64,t=-1,p=1'),
  'a cost with a leading zero': argon2('m=064,t=1,p=1'),
  'a cost with an exponent': pbkdf2('i=1e3'),
  'a cost in hexadecimal': pbkdf2('i=0x10'),
  'a cost that is infinite': pbkdf2('i=Infinity'),
  'a cost of many digits': pbkdf2(`i=1${'0'.repeat(400)}`),
  'N that overflows': scrypt('ln=999999999,r=999999999,p=1'),
  'PBKDF2 with no iterations': pbkdf2('i=0'),
  'PBKDF2 with MD5': pbkdf2('i=1000', 'md5'),
  'PBKDF2 with a wrong length': pbkdf2('i=1000,l=31'),
  'PHC costs without a digest': `$pbkdf2$i=1000$${tail}`,
  'padded base64': `$argon2id$v=19$m=64,t=1,p=1$${salt}=$${hash}`,
  'base64 of another alphabet': sized(8, 16).replace(/.$/, '_'),
  'a dot in standard base64': `$pbkdf2-sha256$i=1000$${salt}$${hash.replace('c', '.')}`,
  'unused bits that are set': `$argon2id$v=19$m=64,t=1,p=1$${salt.slice(0, -1)}R$${hash}`,
  'base64 of an impossible length': `$argon2id$v=19$m=64,t=1,p=1$${salt}AA$${hash}`,
  'no hash': `$argon2id$v=19$m=64,t=1,p=1$${salt}`,
  'no salt': `$argon2id$v=19$m=64,t=1,p=1$$${hash}`,
  'text after the hash': `${argon2('m=64,t=1,p=1')}$`,
  'a line after the hash': `${argon2('m=64,t=1,p=1')}\n`,
  'a line before it': `\n${argon2('m=64,t=1,p=1')}`,
  'a NUL': `${argon2('m=64,t=1,p=1')}\0`,
  'a megabyte': `$argon2id$v=19$m=64,t=1,p=1$${'A'.repeat(1 << 20)}$${hash}`,
}
for (const [name, text] of Object.entries(broken))
  test(`malformed hash → refused, and compares like no account: ${name}`, async t => {
    t.is(readForeignHash(text), null)
    t.false(isImportable(text))
    t.deepEqual(await hasher.compare('password', text), { matches: false, needsRehash: false })
  })

test.serial('hash that would run for hours → refused without computing it', async t => {
  const begun = performance.now()
  for (const text of [
    argon2('m=1048576,t=999999999,p=1'),
    pbkdf2('i=999999999'),
    scrypt('ln=18,r=8,p=999999999'),
  ])
    t.deepEqual(await hasher.compare('password', text), { matches: false, needsRehash: false })
  t.true(performance.now() - begun < 60_000)
})

test.serial('foreign hash is computed → the main thread stays responsive', async t => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await hasher.compare('password', vectors[3]?.[2] ?? '')
  clearInterval(timer)
  t.true(turns > 3)
})

const hashOf = (password: string) =>
  `$pbkdf2-sha256$i=10$${salt}$${base64(pbkdf2Sync(password, 'somesalt', 10, 32, 'sha256'))}`

test('long or unusual password → every byte counts after NFC normalization', t => {
  const word = 'crème brûlée 7'
  const [composed, decomposed] = [word.normalize('NFC'), word.normalize('NFD')]
  t.not(composed, decomposed)
  t.true(matches(composed, hashOf(composed)))
  t.true(matches(decomposed, hashOf(composed)))
  t.true(matches(decomposed, hashOf(decomposed)))
  const different: [string, string][] = [
    [`${'A'.repeat(300)}x`, `${'A'.repeat(300)}y`],
    ['abc\0d', 'abc\0e'],
    [' password', 'password'],
    ['Password', 'password'],
    ['ｐassword', 'password'],
  ]
  for (const [password, other] of different) {
    t.true(matches(password, hashOf(password)))
    t.false(matches(other, hashOf(password)))
    t.false(matches(password, hashOf(other)))
  }
})

test('bcrypt hash of a password that was cut at 72 bytes → never matches', async t => {
  const password = `${'A'.repeat(72)}x`
  const cut = bcrypt.hashSync(password, 4)
  t.true(bcrypt.compareSync(`${'A'.repeat(72)}y`, cut))
  for (const tried of [password, `${'A'.repeat(72)}y`])
    t.deepEqual(await hasher.compare(tried, cut), { matches: false, needsRehash: false })
})

test('imported $2a$ or $2y$ bcrypt hash at our cost → matches and is rehashed as $2b$', async t => {
  const stored = bcrypt.hashSync('tr0ub4dor', 4)
  for (const version of ['$2a$', '$2y$']) {
    const imported = stored.replace('$2b$', version)
    t.true(isImportable(imported))
    t.deepEqual(await hasher.compare('tr0ub4dor', imported), { matches: true, needsRehash: true })
    t.deepEqual(await hasher.compare('wrong', imported), { matches: false, needsRehash: false })
  }
  t.deepEqual(await hasher.compare('tr0ub4dor', stored), { matches: true, needsRehash: false })
})
