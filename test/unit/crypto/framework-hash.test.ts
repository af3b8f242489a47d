import test from 'ava'
import bcrypt from 'bcrypt'
import { matchesForeignHash, readForeignHash } from '../../../src/platform/crypto/foreign-hash.ts'
import { importRefusal, toPhcFormat } from '../../../src/platform/crypto/framework-hash.ts'
import { isImportable } from '../../../src/platform/crypto/password.ts'

// Hash formats of web frameworks. The hashes of Django 3.2 and Werkzeug 2.2 were made by them. Those of
// Django's scrypt and of ASP.NET were computed in Python by their published algorithms.

const password = 'Zoë’s horse 9'

const vectors: Record<string, [hash: string, form: RegExp]> = {
  'Django, PBKDF2 with SHA-256': [
    'pbkdf2_sha256$260000$zPsDfLFPhgeYFWLcfrVgvx$mWRqx+wEoYBhtF84nV0JSFBDN2Pzwm+Hob9/HfqxVhU=',
    /^\$pbkdf2-sha256\$i=260000\$/,
  ],
  'Django, PBKDF2 with SHA-1': [
    'pbkdf2_sha1$260000$e5OoIgL4GpaVO9BqHKfPjM$JRvTLrRbQ/o4zjYTv+O/tCTR3+w=',
    /^\$pbkdf2-sha1\$i=260000\$/,
  ],
  'Django, argon2': [
    'argon2$argon2id$v=19$m=102400,t=2,p=8$b3VCMGlwRjY2NWZweWt5OWZuMEp3cA$tI1RaX7b8plSOpLWWE4crA',
    /^\$argon2id\$v=19\$m=102400,t=2,p=8\$/,
  ],
  'Django, scrypt': [
    'scrypt$16384$F9yEHIZqnWvB3sXk6cTd2a$8$1$4VRpkysEvjDgUYR2/QxENOVD2nLvIl4EESyn1PhFYxCrgt5E+b6zFzStE6hgk5lw6VKpm3iqw4i4X4yc8pNBxA==',
    /^\$scrypt\$ln=14,r=8,p=1\$/,
  ],
  'Werkzeug, PBKDF2 with SHA-256': [
    'pbkdf2:sha256:260000$98t1ixRkGlAymplO$7b8136e3f2498be8c771fb620f7a5941e22306e06093e8928c80357bbb9be9a2',
    /^\$pbkdf2-sha256\$i=260000\$/,
  ],
  'Werkzeug, PBKDF2 with SHA-1': [
    'pbkdf2:sha1:260000$dzj3TCocAiJX1VQN$20ae0ee59e20dd70aaa1c1ecbe501f72a2fa01d3',
    /^\$pbkdf2-sha1\$/,
  ],
  'Werkzeug, PBKDF2 with SHA-512': [
    'pbkdf2:sha512:1000$KIyAj3DPQEFtdeUw$bb98f8f7a143bd04f6ea10ab6277f69034a910d07362e10ed8a19de872225a0300f597dafc1b6bceb5f71b3b52936219969df596ad1ce6901bba46caeb8a3569',
    /^\$pbkdf2-sha512\$i=1000\$/,
  ],
  'ASP.NET Core Identity 3': [
    'AQAAAAEAACcQAAAAENl/WIbYLo+hT7lfVAXBl59kL6J3LxMR4/MUg5SWQjQQ0ByusLNJ9ioIfugMlL+nvw==',
    /^\$pbkdf2-sha256\$i=10000\$/,
  ],
  'ASP.NET Core Identity 3, SHA-512': [
    'AQAAAAIAAYagAAAAEMaX6CPF6/hSRIxPDNa1gscKhLfGj+RrDv1neOuUk4ZE89eScxEPGMz0arNyLhfj/A==',
    /^\$pbkdf2-sha512\$i=100000\$/,
  ],
  'ASP.NET Core Identity 3, SHA-1': [
    'AQAAAAAAAAD6AAAAEG3Vd4r48pHJY0CVReqVGQIjU8bJhAjXoaUY7v6gDUkvTkIebQ==',
    /^\$pbkdf2-sha1\$i=250\$/,
  ],
  'ASP.NET Identity 2': [
    'AHyqIV1LX/gXXuVK3AEnBxPjThcMkoeG5Jj2JWSkhTfQ6pft5gGgqQhatxtlkazrRQ==',
    /^\$pbkdf2-sha1\$i=1000\$/,
  ],
}

for (const [name, [hash, form]] of Object.entries(vectors))
  test(`hash of ${name} → converted to the PHC string format, and its password matches`, t => {
    const phc = toPhcFormat(hash)
    t.regex(phc, form)
    t.true(isImportable(phc))
    const foreign = readForeignHash(phc)
    if (!foreign) return t.fail('not read')
    t.true(matchesForeignHash(password, foreign))
    for (const other of [`${password} `, password.toUpperCase(), ''])
      t.false(matchesForeignHash(other, foreign))
  })

test('bcrypt hash of Django → converted to plain bcrypt, and its password matches', t => {
  const hash = toPhcFormat('bcrypt$$2b$12$P6mOzsWgXk70JRMvzjHM3eNf2kiW7C6V712c0YP0iGhQj6VJCnAaG')
  t.true(isImportable(hash))
  t.true(bcrypt.compareSync(password, hash))
})

test('hash in the format of PHC, bcrypt or passlib → unchanged', t => {
  for (const hash of [
    '$2y$10$P6mOzsWgXk70JRMvzjHM3eNf2kiW7C6V712c0YP0iGhQj6VJCnAaG',
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8',
    '$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI',
    '',
  ])
    t.is(toPhcFormat(hash), hash)
})

const hash32 = 'A'.repeat(43)
const identity = (prf: number, iterations: number, salt: number, key = 32, version = 1) => {
  const bytes = Buffer.alloc(13 + 16 + key, 7)
  bytes[0] = version
  for (const [at, value] of [prf, iterations, salt].entries()) bytes.writeUInt32BE(value, 1 + 4 * at)
  return bytes.toString('base64')
}

const refused: Record<string, [hash: string, reason: RegExp]> = {
  'Django with too many iterations': [
    `pbkdf2_sha256$3000000$saltsalt$${hash32}=`,
    /PBKDF2 of a version, a cost/,
  ],
  'Django without iterations': [`pbkdf2_sha256$0$saltsalt$${hash32}=`, /PBKDF2/],
  'Django with a short salt': [`pbkdf2_sha256$1000$salt$${hash32}=`, /PBKDF2/],
  'Django with invalid base64': [`pbkdf2_sha256$1000$saltsalt$${hash32}`, /PBKDF2/],
  'Django with an unknown digest': [`pbkdf2_md5$1000$saltsalt$${hash32}=`, /PBKDF2/],
  'scrypt of Django with too much memory': [`scrypt$1073741824$saltsalt$8$1$${hash32}=`, /scrypt/],
  'scrypt of Django with a cost that is not a power of two': [
    `scrypt$1000$saltsalt$8$1$${hash32}=`,
    /scrypt/,
  ],
  'Werkzeug with too many iterations': [`pbkdf2:sha256:99999999$saltsalt$${'ab'.repeat(32)}`, /PBKDF2/],
  'Werkzeug with invalid hex': [`pbkdf2:sha256:1000$saltsalt$${'AB'.repeat(32)}`, /PBKDF2/],
  'scrypt of Werkzeug with too many lanes': [`scrypt:32768:8:99$saltsalt$${'ab'.repeat(64)}`, /scrypt/],
  'ASP.NET with too many iterations': [identity(1, 4_000_000_000, 16), /must be a hash of/],
  'ASP.NET without iterations': [identity(1, 0, 16), /must be a hash of/],
  'ASP.NET with an unknown digest': [identity(3, 1000, 16), /must be a hash of/],
  'ASP.NET with a salt longer than the hash': [identity(1, 1000, 4_000_000_000), /must be a hash of/],
  'ASP.NET with a short salt': [identity(1, 1000, 4), /must be a hash of/],
  'ASP.NET of a later version': [identity(1, 1000, 16, 32, 2), /must be a hash of/],
  'bcrypt over SHA-256 of Django': [
    'bcrypt_sha256$$2b$12$OHR9G37HCvfZjT27aUWHw.TUiMh3SW4gi.nizTLIdM2VP7ErBw2Dy',
    /not taken: bcrypt over SHA-256$/,
  ],
  'MD5-crypt': ['$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/', /not taken: MD5-crypt/],
  'SHA-512-crypt': ['$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2', /not taken: SHA-crypt/],
  yescrypt: ['$y$j9T$saltsalt$hashhashhashhash', /not taken: yescrypt/],
  phpass: ['$P$B12345678901234567890123456789012', /not taken: phpass/],
  LDAP: ['{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr', /not taken: LDAP/],
  'MD5 of Django': [
    'md5$saltsalt$5f4dcc3b5aa765d61d8327deb882cf99',
    /not taken: MD5, SHA-1 or crypt of Django/,
  ],
  'plain MD5': ['5f4dcc3b5aa765d61d8327deb882cf99', /not taken: MD5 without iterations/],
  'plain SHA-256': [
    '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8',
    /SHA-256 or SHA-512 without/,
  ],
  'bcrypt with too high a cost': [
    '$2b$31$P6mOzsWgXk70JRMvzjHM3eNf2kiW7C6V712c0YP0iGhQj6VJCnAaG',
    /is bcrypt of a version, a cost/,
  ],
  'a password': ['correct horse 9', /must be a hash of bcrypt, argon2, scrypt or PBKDF2/],
}

for (const [name, [hash, reason]] of Object.entries(refused))
  test(`import of ${name} → refused with a reason that names the format, without parts of the hash`, t => {
    t.false(isImportable(toPhcFormat(hash)))
    const message = importRefusal(hash)
    t.regex(message, reason)
    for (const part of hash.split(/[$:{}=,]/).filter(each => each.length > 7)) t.false(message.includes(part))
  })
