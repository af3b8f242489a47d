import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { emails as allEmails, problems } from '../../../src/modules.ts'
import { problemSlug } from '../../../src/platform/catalog/problem-definition.ts'
import { ownTemplates } from '../../../src/platform/theme/templates.ts'
import { anAccount, anEmail, tokenOf } from '../../fixtures.ts'
import { coreRoutes } from '../../routes.ts'
import { plainTheme } from '../../theme.ts'
import { commandInHost, openWorld } from '../../world.ts'
import { requestResetMail } from '../passwords/user-with-reset-mail.ts'

// A branded service: no email and no page may name Latchkey.

const test = anyTest.serial

const brand = {
  BRAND_NAME: `"Acme", Sons & <Söhne>`,
  BRAND_LOGO_URL: 'https://cdn.acme.example:8443/logo.png',
  BRAND_COLOR: '#fc0',
  BRAND_SUPPORT_EMAIL: 'help@acme.example',
  BRAND_ADDRESS: 'Acme Ltd, 1 High Road, Oxford',
}
const escapedName = '&quot;Acme&quot;, Sons &amp; &lt;Söhne&gt;'
const world = await openWorld({ worker: true, env: { ...brand, PUBLIC_URL: 'http://id.acme.test' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const languages = ['en', 'es', 'ar']

/** An account that can receive an email of this kind, and the address that the email goes to. */
const recipientOf = async (kind: string) => {
  const { email, userId } = await anAccount(client)
  await world.mails.to(email)
  if (kind === 'welcome_guest')
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [userId])
  if (kind === 'account_deleted')
    await world.sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [userId])
  const recipient = kind === 'email_change' ? anEmail() : email
  return { userId, recipient, before: (await world.mails.sentTo(recipient)).length }
}

for (const { kind } of allEmails)
  test(`${kind} of a branded service → carries the brand in every language and never names Latchkey`, async t => {
    for (const locale of languages) {
      const { userId, recipient, before } = await recipientOf(kind)
      const data = { item: 'Bakery', amount: '100 GTQ', reference: 'r', email: 'a@b.example' }
      await world.queueEmail({ kind, recipient, userId, locale, data })
      const { raw, mail } = await world.mails.to(recipient, before + 1)
      const decoded = [raw, mail.subject, mail.html, mail.text, JSON.stringify(mail.headers)].join('\n')
      t.notRegex(decoded, /latchkey/i, locale)
      t.deepEqual(
        { name: mail.from?.name, address: mail.from?.address },
        { name: brand.BRAND_NAME, address: 'no-reply@localhost' },
      )
      t.true(mail.html?.includes(`<html lang="${locale}"`))
      for (const part of [
        `alt="${escapedName}"`,
        `src="${brand.BRAND_LOGO_URL}"`,
        'mailto:help@acme.example',
        brand.BRAND_ADDRESS,
      ])
        t.true(mail.html?.includes(part), `${part} ${locale}`)
      for (const part of [brand.BRAND_NAME, brand.BRAND_SUPPORT_EMAIL, brand.BRAND_ADDRESS])
        t.true(mail.text?.includes(part), `${part} ${locale}`)
    }
  })

test('every page of a branded service → carries the brand in every language and never names Latchkey', async t => {
  const pages = coreRoutes.filter(({ replies }) => Object.values(replies).includes('html'))
  t.true(pages.length > 15)
  const { email } = await anAccount(client)
  const token = tokenOf((await requestResetMail(world, email)).caught.link)
  const visited = new Set<string>()
  for (const { method, path } of pages)
    for (const lang of languages)
      for (const query of [`lang=${lang}`, `lang=${lang}&again=1`, `lang=${lang}&token=${token}`]) {
        const reply = await client.send(method, `${path}?${query}`, {
          ...(method === 'POST' && {
            body: new URLSearchParams(
              path.includes('forgot') || path.includes('resend') ? { email: 'x' } : { token: 'x' },
            ).toString(),
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
          }),
        })
        if (!reply.headers.get('content-type')?.startsWith('text/html')) continue
        const headers = [...reply.headers].map(header => header.join(': ')).join('\n')
        t.notRegex(`${headers}\n${reply.text}`, /latchkey/i, `${path} ${query}`)
        t.true(reply.text.includes(`alt="${escapedName}"`), path)
        t.true(reply.text.includes(brand.BRAND_ADDRESS), path)
        t.regex(reply.text, /--fill: #ffcc00; --on-fill: #000000;/)
        t.regex(
          reply.headers.get('content-security-policy') ?? '',
          /; img-src https:\/\/cdn\.acme\.example:8443;/,
        )
        visited.add(path)
      }
  t.deepEqual(
    pages.map(({ path }) => path).filter(path => !visited.has(path)),
    [],
  )
})

test('problem pages of a branded service → carry the brand and never name Latchkey', async t => {
  for (const { code } of problems) {
    const { status, text, headers } = await client.get(`/problems/${problemSlug(code)}`)
    t.is(status, 200)
    t.notRegex(text, /latchkey/i, code)
    t.true(text.includes(`<title>${code} · ${escapedName}</title>`))
    t.regex(
      headers.get('content-security-policy') ?? '',
      /; img-src data: https:\/\/cdn\.acme\.example:8443$/,
    )
  }
  const { text } = await client.get('/problems/own.css')
  t.notRegex(text, /latchkey/i)
  t.regex(text, /--fill: #ffcc00/)
})

test('service without a logo → its pages load no image and the CSP has no img-src', async t => {
  const plain = await openWorld({ env: { BRAND_NAME: 'Acme' } })
  const { text, headers } = await plain.client.get('forgot-password')
  t.notRegex(headers.get('content-security-policy') ?? '', /img-src/)
  t.notRegex(text, /<img/)
  t.true(text.includes('<bdi>Acme</bdi>'))
  await plain[Symbol.asyncDispose]()
})

test('emails test of a branded service → its name in the subject and as the sender', async t => {
  const address = anEmail()
  const { code } = await commandInHost(world.env, ['emails', 'test', address], '')
  t.is(code, 0)
  const { raw, mail } = await world.mails.to(address)
  t.is(mail.subject, `${brand.BRAND_NAME} can send email`)
  t.is(mail.from?.name, brand.BRAND_NAME)
  t.notRegex([raw, mail.text, JSON.stringify(mail.headers)].join('\n'), /latchkey/i)
})

test('language added in TEMPLATES_DIR → selected for emails and pages by Accept-Language', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-french-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  cpSync(join(ownTemplates, 'en'), join(folder, 'fr'), { recursive: true })
  const words = plainTheme.templates.words('en', 'pages')
  writeFileSync(
    join(folder, 'fr/pages.json'),
    JSON.stringify({ ...words, forgot_title: 'Mot de passe oublié ?' }),
  )
  const french = await openWorld({ worker: true, env: { TEMPLATES_DIR: folder } })
  const headers = { 'accept-language': 'fr-CA, en;q=0.5' }
  const page = await french.client.send('GET', 'forgot-password', { headers })
  t.regex(page.text, /<html lang="fr" dir="ltr">[\s\S]*<h1>Mot de passe oublié \?<\/h1>/)
  const email = anEmail()
  await french.client.send('POST', 'register', { body: { email, password: 'correct horse 9' }, headers })
  t.regex((await french.mails.to(email)).mail.html ?? '', /<html lang="fr"/)
  await french[Symbol.asyncDispose]()
})
