import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, anEmail, password, withoutToken } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Hostile names in emails, and the deletion of addresses without an account.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const droppedEmailsWorld = await openWorld()
anyTest.after.always(async () => {
  for (const each of [world, droppedEmailsWorld]) await each[Symbol.asyncDispose]()
})

{
  // An attacker can register the address of a victim under any name, so the name in our email may be the text
  // of an attacker. The test checks the raw bytes and the envelope.

  const headersOf = (raw: string): string[] =>
    (raw.split('\r\n\r\n')[0] ?? '')
      .replaceAll(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map(line => line.slice(0, line.indexOf(':')).toLowerCase())
      .sort()

  const honest = async () => {
    const { email } = await anAccount(world.client, { full_name: 'Ana' })
    return world.mails.to(email)
  }

  const names = [
    '<script>alert(1)</script>',
    '<a href="https://evil.example">click</a>',
    '"><img src=x onerror=alert(1)>',
    '</mj-text><mj-include path="/etc/passwd" />',
    '<mj-raw><b>x</b></mj-raw>',
    '{{link}} {{code}} {{t.subject}}',
    '--boundary',
    'Ana <evil@evil.test>, x@evil.test',
    '=?utf-8?B?QmNjOiBldmlsQGV2aWwuZXhhbXBsZQ==?=',
    '.',
    'QUIT',
    "'; DROP TABLE users; --",
    '$& $1 $$',
  ]
  for (const name of names)
    test(`hostile name → plain text in one email to one recipient: ${name}`, async t => {
      const { email } = await anAccount(world.client, { full_name: name })
      const { to, raw, mail } = await world.mails.to(email)
      t.deepEqual(to, [email])
      t.deepEqual(
        headersOf(raw),
        headersOf((await honest()).raw),
        'no other headers than an honest email has',
      )
      t.is(mail.subject, 'Confirm your email address')
      t.is((await world.mails.sentTo(email)).length, 1)
      t.notRegex(mail.html ?? '', /<script|<img|<mj-|href="https?:\/\/evil|root:/)
      t.deepEqual(
        mail.to?.map(({ address }) => address),
        [email],
      )
      t.is(mail.cc ?? mail.bcc ?? mail.replyTo, undefined)
    })

  for (const name of [
    'Visit https://evil.example now',
    'evil.example',
    'www.evil.example',
    'security@evil．com',
    'evil。example',
    '1.1.1.1/login?evil',
    'javascript:evil',
    'hxxp://evil',
    '+1 (800) 555-0199',
  ])
    test(`name that email programs would link → left out of the email: ${name}`, async t => {
      const { email } = await anAccount(world.client, { full_name: name })
      const { raw, mail } = await world.mails.to(email)
      const content = withoutToken(`${raw.replaceAll('=\r\n', '')}${mail.text}${mail.html}`)
      t.false(content.includes('evil'))
      t.true(mail.text?.startsWith('Hello,\n'))
    })

  const namesWithControls = [
    'Ana\r\nBcc: evil@evil.test',
    'Ana\nX',
    'Ana\rX',
    'Ana\0',
    'Ana\u2028X',
    'Ana\u202EX',
    '',
  ]
  for (const name of namesWithControls)
    for (const field of ['full_name', 'address'])
      test(`${field} with line breaks or control characters → 400 and no email: ${JSON.stringify(name)}`, async t => {
        const email = anEmail()
        const reply = await world.client.post('register', { email, password, [field]: name })
        t.is(reply.status, 400)
        t.is(reply.body.errors[0].path, field)
        t.false(reply.text.includes('evil'))
        t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email])).length, 0)
      })

  test('name in several scripts → unchanged in the email and encoded as ASCII on the wire', async t => {
    const name = 'ليلى Ñandú 李小龍 😀'
    const { email } = await anAccount(world.client, { full_name: name })
    const { mail, raw } = await world.mails.to(email)
    t.true(mail.text?.startsWith(`Hello ${name},\n`))
    t.true(mail.html?.includes(name))
    t.notRegex(raw, /[^\0-\x7f]/, 'the raw email is ASCII')
  })

  test('long name → every line of the email is within the SMTP limit (RFC 5321, 4.5.3.1.6)', async t => {
    const { email } = await anAccount(world.client, { full_name: 'A'.repeat(200) })
    const { raw } = await world.mails.to(email)
    t.true(raw.split('\r\n').every(line => line.length <= 998))
    t.false(/[^\r]\n|\r[^\n]/.test(raw), 'no bare CR or LF')
  })
}

{
  const world = droppedEmailsWorld
  const row = async (status: string, age: string): Promise<string> => {
    const id = uuid()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, locale, status, created_at)
     VALUES ($1, 'verify_email', $2, 'en', $3, now() - $4::interval)`,
      [id, anEmail(), status, age],
    )
    return id
  }

  test('dropped emails older than a day → deleted, all others are kept', async t => {
    const gone = await row('dropped', '25 hours')
    const kept = await Promise.all([
      row('dropped', '23 hours'),
      row('queued', '25 hours'),
      row('failed', '25 hours'),
      row('sent', '25 hours'),
    ])
    await world.run('purgeDroppedEmails')
    const left = await world.sql<{ id: string }>('SELECT id FROM emails')
    t.deepEqual(left.map(({ id }) => id).sort(), [...kept].sort())
    t.false(left.some(({ id }) => id === gone))
  })
}
