import { argon2Sync, pbkdf2Sync, scryptSync } from 'node:crypto'
import anyTest from 'ava'
import bcrypt from 'bcrypt'
import { importUsers } from '../../../src/features/user-import/import-users.ts'
import { importRefusal } from '../../../src/platform/crypto/framework-hash.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'

// Import of users with password hashes of other systems.

const test = anyTest.serial

const world = await openLocalWorld()
const firstLoginsWorld = await openLocalWorld()
const other = await firstLoginsWorld.instance()
anyTest.after.always(async () => {
  for (const each of [world, firstLoginsWorld]) await each[Symbol.asyncDispose]()
})

{
  async function* from(lines: (string | object)[]): AsyncGenerator<string> {
    for (const line of lines) yield typeof line === 'string' ? line : JSON.stringify(line)
  }

  const importAll = (lines: (string | object)[], options: { dryRun?: boolean } = {}) =>
    importUsers(world.deps, from(lines), { dryRun: false, ...options })

  type Row = {
    email: string
    password_hash: string | null
    roles: string[]
    created_at: Date
    updated_at: Date
  }
  const rowOf = async (email: string) =>
    (await world.sql<Row>('SELECT * FROM users WHERE email = $1', [email]))[0]
  const loginAs = (email: string, tried: string) => world.client.post('login', { email, password: tried })

  const salt = 'sixteen byte salt'
  const base64 = (bytes: Buffer | string) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
  const argon2 = (kind: 'argon2id' | 'argon2i' | 'argon2d') => {
    const costs = { memory: 256, passes: 2, parallelism: 2, tagLength: 32 }
    const hash = argon2Sync(kind, { message: password, nonce: salt, ...costs })
    return `$${kind}$v=19$m=256,t=2,p=2$${base64(salt)}$${base64(hash)}`
  }
  const pbkdf2 = (digest: string) => base64(pbkdf2Sync(password, salt, 1000, 32, digest))
  const passlib = (text: string) => text.replaceAll('+', '.')

  const hashes: Record<string, string> = {
    'bcrypt of another cost': bcrypt.hashSync(password, 5),
    'bcrypt of PHP': bcrypt.hashSync(password, 4).replace('$2b$', '$2y$'),
    'bcrypt of old': bcrypt.hashSync(password, 6).replace('$2b$', '$2a$'),
    argon2id: argon2('argon2id'),
    argon2i: argon2('argon2i'),
    argon2d: argon2('argon2d'),
    scrypt: `$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(scryptSync(password, salt, 32, { N: 1024 }))}`,
    'PBKDF2 with SHA-256': `$pbkdf2-sha256$i=1000$${base64(salt)}$${pbkdf2('sha256')}`,
    'PBKDF2 with SHA-512': `$pbkdf2-sha512$i=1000,l=32$${base64(salt)}$${pbkdf2('sha512')}`,
    'PBKDF2 with SHA-1': `$pbkdf2-sha1$i=1000$${base64(salt)}$${pbkdf2('sha1')}`,
    'PBKDF2 of passlib': passlib(`$pbkdf2-sha256$1000$${base64(salt)}$${pbkdf2('sha256')}`),
  }

  for (const [name, hash] of Object.entries(hashes)) {
    test(`import of a hash (${name}) → the old password signs in and is then stored as our bcrypt hash`, async t => {
      const email = anEmail()
      const result = await importAll([{ email, password_hash: hash }])
      t.deepEqual(result, { imported: 1, existing: 0, refused: [] })
      t.is((await rowOf(email))?.password_hash, hash)

      const wrong = await loginAs(email, `${password} `)
      t.is(wrong.status, 401)
      t.is(wrong.body.code, 'INVALID_CREDENTIALS')
      t.is((await rowOf(email))?.password_hash, hash)

      t.is((await loginAs(email, password)).status, 200)
      const newHash = (await rowOf(email))?.password_hash ?? ''
      t.regex(newHash, /^\$2b\$04\$/)
      t.true(bcrypt.compareSync(password, newHash))
      t.is((await loginAs(email, password)).status, 200)
      t.is((await loginAs(email, `${password} `)).status, 401)
      t.is((await rowOf(email))?.password_hash, newHash)
    })
  }

  const frameworks = {
    Django: `pbkdf2_sha256$1000$saltsaltsalt$${pbkdf2Sync(password, 'saltsaltsalt', 1000, 32, 'sha256').toString('base64')}`,
    Werkzeug: `pbkdf2:sha256:1000$saltsaltsalt$${pbkdf2Sync(password, 'saltsaltsalt', 1000, 32, 'sha256').toString('hex')}`,
    'ASP.NET Core Identity': Buffer.concat([
      Buffer.from(['01', '00000001', '000003e8', '00000010'].join(''), 'hex'),
      ...[Buffer.from('sixteen byte sal'), pbkdf2Sync(password, 'sixteen byte sal', 1000, 32, 'sha256')],
    ]).toString('base64'),
  }

  for (const [name, hash] of Object.entries(frameworks))
    test(`import of a hash of ${name} → stored as a PHC string, and the old password signs in`, async t => {
      const email = anEmail()
      t.deepEqual(await importAll([{ email, password_hash: hash }]), {
        imported: 1,
        existing: 0,
        refused: [],
      })
      t.regex((await rowOf(email))?.password_hash ?? '', /^\$pbkdf2-sha256\$i=1000\$/)
      t.is((await loginAs(email, `${password} `)).status, 401)
      t.is((await loginAs(email, password)).status, 200)
      t.regex((await rowOf(email))?.password_hash ?? '', /^\$2b\$04\$/)
    })

  test('10,003 lines are refused → 10,000 are listed and 3 are counted', async t => {
    async function* lines() {
      for (let i = 0; i < 10_003; i++) yield 'x'
    }
    const result = await importUsers(world.deps, lines(), { dryRun: true })
    t.is(result.refused.length, 10_000)
    t.is(result.unlisted, 3)
  })

  test('import of users without a usable password hash → no password signs in', async t => {
    const [absent, empty, django] = [anEmail(), anEmail(), anEmail()]
    const unusable = '!8bxeklkvxqqJAkc7it5jJCHubtsdQoF0tLiRVtG4'
    await importAll([
      ...[{ email: absent }, { email: empty, password_hash: null }],
      { email: django, password_hash: unusable },
    ])
    for (const email of [absent, empty, django]) {
      t.is((await rowOf(email))?.password_hash, null)
      for (const tried of [password, 'null', 'undefined', ' '])
        t.is((await loginAs(email, tried)).body.code, 'INVALID_CREDENTIALS')
    }
  })

  test('import with all fields → stored in the normalized form of a registration', async t => {
    const email = anEmail()
    const profile = { full_name: 'Zoë', phone: '+4915112345678', address: 'Am Markt 1, Bonn' }
    await importAll([
      {
        ...{ email: ` ${email.toUpperCase()} `, password_hash: hashes.scrypt, email_verified: true },
        ...{ ...profile, full_name: ' Zoe\u0308 ', phone: '+49 151 12345678', preferred_language: 'PT-br' },
        ...{ roles: ['admin', 'user', 'admin'], created_at: '2019-02-28T23:30:00+02:00' },
      },
    ])
    const { body } = await loginAs(email, password)
    t.like(body.user, {
      ...profile,
      email,
      email_verified: true,
      preferred_language: 'pt-BR',
      is_active: true,
    })
    t.deepEqual(body.user.roles, ['admin', 'user'])
    t.is(body.user.created_at, '2019-02-28T21:30:00.000Z')
    t.is(body.user.last_password_change_at, null)
  })

  test('import with null fields → defaults: unverified, role user, created now', async t => {
    const email = anEmail()
    const before = Date.now()
    const unsaid = { email_verified: null, full_name: null, roles: null, created_at: null }
    await importAll([{ email, password_hash: hashes.argon2id, ...unsaid }])
    const { body } = await loginAs(email, password)
    t.like(body.user, { email_verified: false, full_name: null, phone: null, roles: ['user'] })
    t.true(Math.abs(Date.parse(body.user.created_at) - before) < 60_000)
  })

  test('import → no email is sent or queued', async t => {
    const emails = Array.from({ length: 3 }, anEmail)
    await importAll(emails.map(email => ({ email })))
    t.deepEqual(await world.sql('SELECT id FROM emails WHERE recipient = ANY($1)', [emails]), [])
  })

  test('import of an existing account → counted as existing, and the account is unchanged', async t => {
    const { email } = await anAccount(world.client, { full_name: 'Ada' })
    const before = await rowOf(email)
    const hash = bcrypt.hashSync('another password 9', 4)
    const result = await importAll([
      {
        email: email.toUpperCase(),
        password_hash: hash,
        full_name: 'Eve',
        roles: ['admin'],
        email_verified: true,
      },
    ])
    t.deepEqual(result, { imported: 0, existing: 1, refused: [] })
    t.deepEqual(await rowOf(email), before)
    t.is((await loginAs(email, 'another password 9')).status, 401)
    t.is((await loginAs(email, password)).status, 200)
  })

  test('several lines for one address → the first is imported, in one batch or in two', async t => {
    const email = anEmail()
    const others = Array.from({ length: 600 }, () => ({ email: anEmail() }))
    const lines = [
      { email, full_name: 'First' },
      { email: email.toUpperCase(), full_name: 'Second' },
      ...others,
      { email, full_name: 'Third', roles: ['admin'] },
    ]
    t.deepEqual(await importAll(lines, { dryRun: true }), { imported: 601, existing: 2, refused: [] })
    t.deepEqual(await importAll(lines), { imported: 601, existing: 2, refused: [] })
    t.like(await rowOf(email), { full_name: 'First', roles: ['user'] })
  })

  const secret = 'canary-7f3a'
  const invalidLines: [name: string, line: (email: string) => string | object, reason: string][] = [
    ['text', () => `${secret},1,2`, 'the line is not JSON'],
    [
      'a truncated line',
      email => JSON.stringify({ email, full_name: secret }).slice(0, -1),
      'the line is not JSON',
    ],
    ['two objects', email => `{"email":"${email}"}{"email":"${secret}"}`, 'the line is not JSON'],
    ['a list', email => [email, secret], 'the line must be a JSON object'],
    ['null', () => 'null', 'the line must be a JSON object'],
    ['a number', () => '7', 'the line must be a JSON object'],
    ['a text', () => JSON.stringify(secret), 'the line must be a JSON object'],
    ['an empty object', () => ({}), 'email is missing'],
    ['no email', () => ({ full_name: secret }), 'email is missing'],
    ['an invalid email', () => ({ email: `${secret}@` }), 'email must be one email address'],
    ['two emails', email => ({ email: `${email},${secret}@x.org` }), 'email must be one email address'],
    ['an email that is a number', () => ({ email: 7 }), 'email must be a text'],
    [
      'unknown fields',
      email => ({ email, id: secret, is_active: true }),
      'there is no field id; there is no field is_active',
    ],
    [
      'an email address as field name',
      email => ({ email, [`${secret}@x.org`]: 1 }),
      'there is an unknown field',
    ],
    [
      'a misspelled field and an invalid one',
      ({ length }) => ({ emailAddress: secret, roles: length }),
      'email is missing; roles must be a list; there is no field emailAddress',
    ],
    ['an unknown role', email => ({ email, roles: [secret] }), 'roles must be "user" or "admin"'],
    ['roles that are not a list', email => ({ email, roles: secret }), 'roles must be a list'],
    ['an empty list of roles', email => ({ email, roles: [] }), 'roles must name one role at least'],
    [
      'a text in place of a boolean',
      email => ({ email, email_verified: secret }),
      'email_verified must be true or false',
    ],
    [
      'a name on two lines',
      email => ({ email, full_name: `${secret}\nBcc: x` }),
      'full_name must be 1 to 200 characters on one line, and one of them visible',
    ],
    [
      'a NUL, for which Postgres would refuse the whole batch',
      email => ({ email, address: `${secret}\0` }),
      'address must be 1 to 500 characters on one line, and one of them visible',
    ],
    [
      'a lone surrogate, for which Postgres would refuse the whole batch',
      email => `{"email":"${email}","full_name":"${secret}\\ud800"}`,
      'full_name must be 1 to 200 characters on one line, and one of them visible',
    ],
    [
      'an invalid phone number',
      email => ({ email, phone: secret }),
      'phone must be a phone number: + and 8 to 15 digits, or at least 10 digits as written',
    ],
    [
      'an invalid language tag',
      email => ({ email, preferred_language: `${secret}_` }),
      'preferred_language must be a language tag such as en or pt-BR',
    ],
    [
      'two invalid fields',
      email => ({ email, full_name: '', roles: [secret, secret] }),
      'full_name must be 1 to 200 characters on one line, and one of them visible; roles must be "user" or "admin"',
    ],
    [
      'a line of a megabyte',
      email => ({ email, full_name: secret.repeat(100_000) }),
      'the line is longer than 65536 bytes',
    ],
  ]
  for (const at of [secret, '2019-02-28', '2019-02-28T12:00:00'])
    invalidLines.push([
      `a time without a time zone: ${at}`,
      email => ({ email, created_at: at }),
      'created_at must be an ISO 8601 time with a zone',
    ])
  for (const at of [
    '2019-02-31T12:00:00Z',
    '0000-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '2999-01-01T00:00:00Z',
  ])
    invalidLines.push([
      `an impossible time: ${at}`,
      email => ({ email, created_at: at }),
      'created_at must be a time between 1970 and now',
    ])
  const unsupportedHashes = [
    ...[secret, '', '5f4dcc3b5aa765d61d8327deb882cf99', `$1$${secret}$QJrtd3lh3b1DYPnQ5dKN1.`],
    ...[`pbkdf2_sha256$1000$${secret}$aGFzaA==`, `$2b$31$${'a'.repeat(53)}`, `${hashes.argon2id}\n`],
    ...[hashes.argon2id?.replace('m=256', 'm=4000000'), hashes.scrypt?.replace('ln=10', 'ln=30')],
  ]
  for (const hash of unsupportedHashes)
    invalidLines.push([
      `an unknown or too expensive hash: ${hash?.slice(0, 24)}`,
      email => ({ email, password_hash: hash }),
      `password_hash ${importRefusal(hash ?? '')}`,
    ])

  for (const [name, line, reason] of invalidLines)
    test(`import of an invalid line (${name}) → refused by line number, without repeating its content`, async t => {
      const [email, next] = [anEmail(), anEmail()]
      const result = await importAll(['', line(email), { email: next }])
      t.deepEqual(result, { imported: 1, existing: 0, refused: [{ line: 2, reason }] })
      t.false(JSON.stringify(result).includes(secret))
      t.is(await rowOf(email), undefined)
      t.truthy(await rowOf(next))
    })

  test('import of 1000 lines → valid ones imported, invalid ones listed, a second run changes nothing', async t => {
    const emails = Array.from({ length: 1000 }, anEmail)
    const isBroken = (at: number) => at % 90 === 7
    const lines = emails.map((email, at) => ({ email, full_name: isBroken(at) ? '' : `User ${at}` }))
    const numbers = emails.flatMap((_email, at) => (isBroken(at) ? [at + 1] : []))
    const imported = 1000 - numbers.length

    const counts: number[] = []
    const first = await importUsers(world.deps, from(lines), {
      dryRun: false,
      onProgress: count => counts.push(count),
    })
    t.is(first.imported, imported)
    t.is(first.existing, 0)
    t.deepEqual(
      first.refused.map(({ line }) => line),
      numbers,
    )
    t.true(counts.length > 1)
    t.is(counts.at(-1), 1000)

    const rows = await world.sql<{ email: string; full_name: string }>(
      'SELECT email, full_name FROM users WHERE email = ANY($1)',
      [emails],
    )
    t.is(rows.length, imported)
    for (const row of rows) t.is(row.full_name, `User ${emails.indexOf(row.email)}`)

    const second = await importAll(lines)
    t.deepEqual(second, { ...first, imported: 0, existing: imported })
  })

  test('dry run → the same counts as the import, and nothing is written', async t => {
    const { email: taken } = await anAccount(world.client)
    const emails = Array.from({ length: 3 }, anEmail)
    const lines = [
      ...[{ email: taken }, '{', ...emails.map(email => ({ email, password_hash: hashes.argon2i }))],
      ...[{ email: emails[0]?.toUpperCase() }, { email: anEmail(), password_hash: secret }],
    ]
    const before = await rowOf(taken)
    const dryRunResult = await importAll(lines, { dryRun: true })
    t.deepEqual(await world.sql('SELECT id FROM users WHERE email = ANY($1)', [emails]), [])
    t.deepEqual(await rowOf(taken), before)
    t.like(dryRunResult, { imported: 3, existing: 2 })
    t.deepEqual(
      dryRunResult.refused.map(({ line }) => line),
      [2, 7],
    )
    t.deepEqual(await importAll(lines), dryRunResult)
  })

  test('import with a byte order mark, blank lines and CRLF, or of an empty file → no line is refused', async t => {
    const [first, second] = [anEmail(), anEmail()]
    const result = await importAll([
      `\uFEFF{"email":"${first}"}\r`,
      '  ',
      '\r',
      `{"email":"${second}"}\r`,
      '',
    ])
    t.deepEqual(result, { imported: 2, existing: 0, refused: [] })
    t.deepEqual(await importAll([]), { imported: 0, existing: 0, refused: [] })
  })

  test('two simultaneous imports of one file → each account is created once', async t => {
    const lines = Array.from({ length: 300 }, () => ({ email: anEmail() }))
    const [one, two] = await Promise.all([importAll(lines), importAll(lines)])
    t.is(one.imported + two.imported, 300)
    t.is(one.existing + two.existing, 300)
  })

  test('reading the file fails midway → the import throws, and a second import completes it', async t => {
    const lines = Array.from({ length: 700 }, () => ({ email: anEmail() }))
    async function* failingLines() {
      yield* from(lines)
      throw new Error('the disk is gone')
    }
    await t.throwsAsync(importUsers(world.deps, failingLines(), { dryRun: false }), {
      message: 'the disk is gone',
    })
    t.deepEqual(await importAll(lines), { imported: 200, existing: 500, refused: [] })
  })
}

{
  const world = firstLoginsWorld
  const clients = [world.client, other.client]

  const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  const salt = Buffer.from('sixteen byte salt')
  const foreign = `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(scryptSync(password, salt, 32, { N: 1024 }))}`

  const anImportedUser = async () => {
    const email = anEmail()
    async function* lines() {
      yield JSON.stringify({ email, password_hash: foreign })
    }
    await importUsers(world.deps, lines(), { dryRun: false })
    return email
  }
  const hashOf = async (email: string) =>
    (
      await world.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE email = $1', [email])
    )[0]?.password_hash ?? ''

  test('8 simultaneous first logins of an imported user → right passwords succeed, one new hash', async t => {
    const email = await anImportedUser()
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        (clients[i % 2] ?? world.client).post('login', {
          email,
          password: i % 4 === 3 ? 'wrong horse 9' : password,
        }),
      ),
    )
    t.deepEqual(
      replies.map(({ status }) => status),
      replies.map((_, i) => (i % 4 === 3 ? 401 : 200)),
    )
    const hash = await hashOf(email)
    t.regex(hash, /^\$2b\$04\$/)
    for (const { status, body } of replies)
      if (status === 200) t.is((await world.client.get('me', { token: body.access_token })).status, 200)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is(await hashOf(email), hash)
  })

  test('login to a deactivated imported account → 403 for the right password only, hash unchanged', async t => {
    const email = await anImportedUser()
    await world.sql('UPDATE users SET is_active = false WHERE email = $1', [email])
    const login = (tried: string) => world.client.post('login', { email, password: tried })
    t.is((await login(password)).body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await login('wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
    t.is(await hashOf(email), foreign)
  })
}
