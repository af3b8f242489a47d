import test from 'ava'
import { pageStyleHash } from '../../src/http/pages.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another, press } from './forgetful.ts'

// The page behind the mailed link, for services without a front end. Mail scanners open it too.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const confirm = 'reset-password/confirm'
const form = (body: string, type = 'application/x-www-form-urlencoded', query = '') =>
  client.send('POST', `${confirm}${query}`, { body, headers: { 'content-type': type } })

test('GET and HEAD spend nothing, then the form sets the password, once, and signs nobody in', async t => {
  const { email, password, access, reset } = await aForgetful(world)
  const { path } = reset
  for (const method of ['GET', 'GET', 'HEAD', 'GET']) {
    const { status, text } = await client.send(method, path)
    t.is(status, 200)
    t.is(text === '', method === 'HEAD')
  }
  t.is((await client.get('me', { token: access })).status, 200)
  t.is((await client.post('login', { email, password })).status, 200)

  const page = (await client.get(path)).text
  const pressed = await press(client, { path, page }, { new_password: another })
  t.is(pressed.status, 303)
  t.is(pressed.headers.get('set-cookie'), null)
  t.is(pressed.headers.get('location'), 'http://latchkey.test/api/v1/auth/password-reset?lang=en')
  const done = await client.get('password-reset?lang=en')
  t.is(done.status, 200)
  t.regex(done.text, /Your password is changed/)
  t.is((await client.get('me', { token: access })).status, 401)
  t.is((await client.post('login', { email, password })).status, 401)
  t.is((await client.post('login', { email, password: another })).status, 200)

  const twice = await press(client, { path, page }, { new_password: 'yet another 5 words' })
  t.is(twice.status, 401)
  t.regex(twice.headers.get('content-type') ?? '', /^text\/html/)
  t.regex(twice.text, /This link is no longer valid/)
  t.is((await client.post('login', { email, password: another })).status, 200)
})

test('a refused password shows the form again with the reason and the token, and the second try works', async t => {
  const { email, access, reset } = await aForgetful(world)
  const { path, token } = reset
  const first = (await client.get(path)).text
  const short = await press(client, { path, page: first }, { new_password: 'a1' })
  t.is(short.status, 400)
  t.regex(short.headers.get('content-type') ?? '', /^text\/html/)
  t.regex(short.text, /role="alert">This password is too short: it needs at least 8 characters/)
  t.true(short.text.includes(`name="token" value="${token}"`))
  t.false(short.text.includes('value="a1"'))
  t.is((await client.get('me', { token: access })).status, 200)

  // From here on the address of the page is that of its form.
  const there = `/api/v1/auth/${confirm}?lang=en`
  const common = await press(client, { path: there, page: short.text }, { new_password: 'password1' })
  t.is(common.status, 400)
  t.regex(common.text, /one of the first that others would guess/)
  const long = await press(client, { path: there, page: common.text }, { new_password: 'a1'.repeat(200) })
  t.is(long.status, 400)
  t.regex(long.text, /too long/)
  const empty = await press(client, { path: there, page: long.text }, {})
  t.is(empty.status, 400)
  t.is((await press(client, { path: there, page: empty.text }, { new_password: another })).status, 303)
  t.is((await client.post('login', { email, password: another })).status, 200)
})

test('what is typed is taken as it is: spaces, signs and other scripts', async t => {
  const { email, reset } = await aForgetful(world)
  const odd = '  ключ & +%41=1 "😀"<b>  '
  const page = (await client.get(reset.path)).text
  t.is((await press(client, { path: reset.path, page }, { new_password: odd })).status, 303)
  t.is((await client.post('login', { email, password: odd })).status, 200)
  t.is((await client.post('login', { email, password: odd.trim() })).status, 401)
})

test('the page says nothing of whether the token is good, and is not kept, framed or given scripts', async t => {
  const { reset } = await aForgetful(world)
  const { path, token } = reset
  const good = await client.get(path)
  const bad = await client.get(path.replace(token, `lkp_${'A'.repeat(64)}`))
  t.is(bad.text.replace(`lkp_${'A'.repeat(64)}`, token), good.text)

  const refused = await form(`token=${token}&new_password=a1`)
  const invalid = await form('token=x&new_password=a1')
  const pages = [good, bad, refused, invalid, await client.get('password-reset')]
  t.deepEqual(
    pages.map(({ status }) => status),
    [200, 200, 400, 401, 200],
  )
  for (const { headers, text } of pages) {
    t.is(headers.get('cache-control'), 'no-store')
    t.is(headers.get('referrer-policy'), 'no-referrer')
    t.is(headers.get('x-content-type-options'), 'nosniff')
    t.is(
      headers.get('content-security-policy'),
      `default-src 'none'; style-src '${pageStyleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    t.notRegex(text, /<script|<img|<link|src=|href=|\son\w+=/)
  }
})

test('a form of another type or with other fields is refused and spends nothing', async t => {
  const { email, password, reset } = await aForgetful(world)
  const { token } = reset
  const good = `token=${token}&new_password=a+wholly+new+7+phrase`
  t.is((await form(good, 'text/plain')).status, 415)
  t.is((await form(JSON.stringify({ token, new_password: another }), 'application/json')).status, 415)
  t.is((await form(good, 'multipart/form-data; boundary=x')).status, 415)
  t.is((await form(`${good}&email=evil@example.com`)).status, 400)
  t.is((await form(`${good}&new_password=b`)).status, 400)
  t.is((await form(`token=a&${good}`)).status, 401)
  t.is((await form(`token[]=${token}&new_password=a+wholly+new+7+phrase`)).status, 401)
  t.is((await form('')).status, 401)
  t.is((await client.send('GET', `${confirm}?${good}`)).status, 405, 'no link presses the button')
  t.is((await client.post('login', { email, password })).status, 200)
  t.is((await form(good)).status, 303)
})

const dirs = { en: 'ltr', es: 'ltr', ar: 'rtl' }
const titles = { en: 'Choose a new password', es: 'Elige una contraseña nueva', ar: 'اختيار كلمة مرور جديدة' }
for (const lang of ['en', 'es', 'ar'] as const)
  test(`the page, its errors and where it leads speak ${lang}`, async t => {
    const { email, reset } = await aForgetful(world, { preferred_language: lang })
    t.regex(reset.caught.mail.html ?? '', new RegExp(`<html lang="${lang}" dir="${dirs[lang]}"`))
    const { path } = reset
    const spoken = `<html lang="${lang}" dir="${dirs[lang]}">`
    const page = (await client.get(path)).text
    t.true(page.includes(spoken))
    t.true(page.includes(`<h1>${titles[lang]}</h1>`))
    const refused = await press(client, { path, page }, { new_password: 'a1' })
    t.true(refused.text.includes(spoken))
    t.regex(refused.text, /role="alert">[^<]*8/)
    const there = `/api/v1/auth/${confirm}?lang=${lang}`
    const pressed = await press(client, { path: there, page: refused.text }, { new_password: another })
    t.is(pressed.status, 303)
    const location = pressed.headers.get('location') ?? ''
    t.true((await client.get(location.slice('http://latchkey.test'.length))).text.includes(spoken))
    t.is((await client.post('login', { email, password: another })).status, 200)
    t.true((await press(client, { path, page }, { new_password: another })).text.includes(spoken))
  })

const markup = '"><script>alert(1)</script>'
const hostile: [string, string][] = [
  ['markup as a token', `token=${encodeURIComponent(markup)}`],
  ['quotes as a token', `token=${encodeURIComponent(`' autofocus onfocus='x' "`)}`],
  ['markup as a language', `token=x&lang=${encodeURIComponent(markup)}`],
  ['a way out of the form', `token=x&lang=${encodeURIComponent('en" formaction="https://evil.example')}`],
  ['a template hole', `token=${encodeURIComponent('{{action}}{{min}}')}&lang={{t.locale}}`],
  ['__proto__ as a language', 'token=x&lang=__proto__'],
  ['__proto__ as a name', '__proto__=x&__proto__[token]=y&constructor[prototype][token]=z'],
  ['a token twice', 'token=lkp_a&token=lkp_b'],
  ['a token as a list', 'token[]=a&token[b]=c&lang[]=es'],
  ['10 kB of token', `token=${'A'.repeat(10_000)}`],
  ['line breaks', 'token=a%0d%0aSet-Cookie:%20x=y&lang=en%0d%0aX-Evil:%201'],
  ['a foreign place to go', 'token=x&redirect=https://evil.example&action=https://evil.example'],
  ['no token', ''],
]
for (const [name, query] of hostile)
  test(`a link with ${name} shows the form, harmlessly, and its button too`, async t => {
    const path = `/api/v1/auth/reset-password?${query}`
    const { status, text, headers } = await client.get(path)
    t.is(status, 200)
    t.regex(headers.get('content-type') ?? '', /^text\/html/)
    t.is(text.match(/<form /g)?.length, 1)
    t.is(text.match(/<input /g)?.length, 2)
    t.notRegex(text, /<script|evil\.example"|\{\{t\.|\sonfocus='/)
    t.regex(text, /action="reset-password\/confirm\?lang=(en|es|ar)"/)
    t.regex(text, /name="token" value="[^"<>']*">/)
    t.is(headers.get('set-cookie'), null)
    t.is(headers.get('x-evil'), null)
    const pressed = await press(client, { path, page: text }, { new_password: another })
    t.is(pressed.status, 401)
    t.notRegex(pressed.text, /<script|evil/)
  })

test('a hostile token is not said again where it is refused', async t => {
  const posted = new URLSearchParams({ token: markup, new_password: 'a1' }).toString()
  const { status, text } = await form(posted, undefined, `?lang=${encodeURIComponent(markup)}`)
  t.is(status, 401)
  t.notRegex(text, /<script|alert\(1\)/)
})
