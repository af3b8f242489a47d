import { request } from 'node:http'
import test from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld({ worker: true, env: { MAIL_FROM: 'Latchkey <no-reply@mail.example>' } })
test.after.always(() => world[Symbol.asyncDispose]())

type Row = { id: string; status: string; recipient: string; locale: string; user_id: string }
const rowsTo = (email: string) => world.sql<Row>('SELECT * FROM emails WHERE recipient = $1', [email])

test('who registers gets exactly one mail, at the address that is stored', async t => {
  const email = anEmail()
  const { userId } = await anAccount(world.client, { email: ` ${email.toUpperCase()} ` })
  const { to, mail, raw } = await world.mails.to(email)
  const [row, ...more] = await until('the row to be settled', async () => {
    const rows = await rowsTo(email)
    return rows[0]?.status === 'sent' && rows
  })
  t.is(more.length, 0)
  t.like(row, { recipient: email, user_id: userId })
  t.is(world.mails.caught.filter(caught => caught.to.includes(email)).length, 1)

  t.deepEqual(to, [email], 'one RCPT and no other')
  t.deepEqual(
    mail.to?.map(({ address }) => address),
    [email],
  )
  t.is(mail.cc, undefined)
  t.is(mail.bcc, undefined)
  t.deepEqual([mail.from?.name, mail.from?.address], ['Latchkey', 'no-reply@mail.example'])
  t.is(mail.messageId, `<${row?.id}@mail.example>`)
  t.true(Math.abs(Date.parse(mail.date ?? '') - Date.now()) < 60_000)
  const header = (name: string) => mail.headers.filter(({ key }) => key === name).map(({ value }) => value)
  t.deepEqual(header('auto-submitted'), ['auto-generated'])
  t.deepEqual(header('list-unsubscribe'), [])
  t.regex(raw, /^Content-Type: multipart\/alternative/m)
})

test('the text and the HTML part carry the same link and the same code', async t => {
  const { email, userId } = await anAccount(world.client)
  const { link, code, mail } = await world.mails.to(email)
  const url = new URL(link)
  t.is(url.origin + url.pathname, 'http://latchkey.test/api/v1/auth/verify-email')
  t.regex(tokenOf(link), /^lkp_[\w-]{64}$/)
  t.true(mail.html?.includes(link.replaceAll('&', '&amp;')))
  t.regex(mail.html ?? '', new RegExp(`>\\s*${code}\\s*<`))
  t.false(link.includes(userId), 'nothing else is in the address')
  t.false(link.includes(email))
})

const registerAt = (email: string, headers: Record<string, string>, path = '/api/v1/auth/register') =>
  new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(world.url)
    const sent = request({ hostname, port, method: 'POST', path, headers }, reply => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ email, password }))
  })

const poison: [string, Record<string, string>, string?][] = [
  ['Host', { host: 'evil.example' }],
  ['Host with a password in it', { host: 'evil.example:x@latchkey.test' }],
  ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }],
  ['Forwarded', { forwarded: 'host=evil.example;proto=https' }],
  ['Origin and Referer', { origin: 'https://evil.example', referer: 'https://evil.example/' }],
  ['the request target', {}, 'http://evil.example/api/v1/auth/register'],
]
for (const [name, headers, path] of poison)
  test(`${name} cannot choose where a mailed link goes`, async t => {
    const email = anEmail()
    const status = await registerAt(email, { 'content-type': 'application/json', ...headers }, path)
    if (status !== 201) {
      t.true(status >= 400 && status < 500, `answered ${status}`)
      t.is((await rowsTo(email)).length, 0)
      return
    }
    const { link, raw, mail } = await world.mails.to(email)
    t.true(link.startsWith('http://latchkey.test/'))
    t.false((raw + mail.html + mail.text).includes('evil.example'))
  })

const languages: [string, Record<string, unknown>, Record<string, string>, string][] = [
  ['nothing', {}, {}, 'en'],
  ['Accept-Language', {}, { 'accept-language': 'fr, es-MX;q=0.8, en;q=0.5' }, 'es'],
  ['a right-to-left one', {}, { 'accept-language': 'ar-EG' }, 'ar'],
  ['preferred_language first', { preferred_language: 'ar' }, { 'accept-language': 'es' }, 'ar'],
  ['a language that is not there', { preferred_language: 'tlh' }, { 'accept-language': 'xx' }, 'en'],
]
const subjects: Record<string, string> = {
  en: 'Confirm your e-mail address',
  es: 'Confirma tu correo electrónico',
}
for (const [name, profile, headers, locale] of languages)
  test(`the mail is in the reader's language, told by ${name}`, async t => {
    const email = anEmail()
    const reply = await world.client.post('register', { email, password, ...profile }, { headers })
    t.is(reply.status, 201)
    const { mail, link } = await world.mails.to(email)
    t.regex(mail.html ?? '', new RegExp(`<html lang="${locale}" dir="${locale === 'ar' ? 'rtl' : 'ltr'}"`))
    const page = await world.client.get(link.slice('http://latchkey.test'.length))
    t.regex(page.text, new RegExp(`<html lang="${locale}"`), 'and so is the page behind the link')
    if (locale === 'ar') t.regex(mail.subject ?? '', /\p{Script=Arabic}/u)
    else t.is(mail.subject, subjects[locale])
  })

test('a taken address sends nothing', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  t.is((await world.client.post('register', { email, password })).status, 409)
  t.is((await rowsTo(email)).length, 1)
})
