import test from 'ava'
import { pageStyleHash } from '../../src/http/pages.ts'
import type { Client } from '../client.ts'
import { anAccount, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

// Mail scanners and previews open every link: opening one must change nothing.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const aMailed = async () => {
  const account = await anAccount(world.client)
  const { link } = await world.mails.to(account.email)
  return { ...account, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
}
const isVerified = async (access: string): Promise<boolean> =>
  (await world.client.get('me', { token: access })).body.email_verified

/** Presses the button of a page as a browser would. */
const press = (client: Client, page: string) => {
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? []
  const [, token = ''] = /name="token" value="([^"]*)"/.exec(page) ?? []
  return client.send('POST', `/api/v1/auth/${action}`, {
    body: new URLSearchParams({ token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

test('three GETs and a HEAD change nothing, then the button verifies, once', async t => {
  const { path, access } = await aMailed()
  for (const method of ['GET', 'GET', 'HEAD', 'GET']) {
    const { status, text } = await world.client.send(method, path)
    t.is(status, 200)
    t.is(text === '', method === 'HEAD')
  }
  t.false(await isVerified(access))

  const { text } = await world.client.get(path)
  const pressed = await press(world.client, text)
  t.is(pressed.status, 303)
  const location = pressed.headers.get('location') ?? ''
  t.is(location, 'http://latchkey.test/api/v1/auth/email-verified?lang=en')
  t.true(await isVerified(access))
  const done = await world.client.get(location.slice('http://latchkey.test'.length))
  t.is(done.status, 200)
  t.regex(done.text, /Your address is confirmed/)

  const twice = await press(world.client, text)
  t.is(twice.status, 401)
  t.regex(twice.headers.get('content-type') ?? '', /^text\/html/)
  t.regex(twice.text, /This link is no longer valid/)
})

test('the page says nothing of whether the token is good', async t => {
  const { path, token } = await aMailed()
  const good = await world.client.get(path)
  const bad = await world.client.get(path.replace(token, `lkp_${'A'.repeat(64)}`))
  t.is(bad.status, 200)
  t.is(bad.text.replace(`lkp_${'A'.repeat(64)}`, token), good.text)
})

test('no page is kept, framed, followed by a referrer or given scripts', async t => {
  const { path } = await aMailed()
  const page = await world.client.get(path)
  const pages = [
    page,
    await press(world.client, page.text.replace(/value="[^"]*"/, 'value="lkp_x"')),
    await world.client.get('email-verified'),
  ]
  t.deepEqual(
    pages.map(({ status }) => status),
    [200, 401, 200],
  )
  for (const { headers, text } of pages) {
    t.is(headers.get('cache-control'), 'no-store')
    t.is(headers.get('referrer-policy'), 'no-referrer')
    t.is(headers.get('x-content-type-options'), 'nosniff')
    const csp = headers.get('content-security-policy')
    t.is(
      csp,
      `default-src 'none'; style-src '${pageStyleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    t.notRegex(text, /<script|<img|<link|src=|href=|onclick/)
  }
})

test('a form that was sent in another type or with other fields is refused and spends nothing', async t => {
  const { path, token, access } = await aMailed()
  const send = (type: string, body: string) =>
    world.client.send('POST', 'verify-email/confirm', { body, headers: { 'content-type': type } })
  t.is((await send('text/plain', `token=${token}`)).status, 415)
  t.is((await send('application/json', JSON.stringify({ token }))).status, 415)
  t.is((await send('multipart/form-data; boundary=x', `token=${token}`)).status, 415)
  t.is((await send('application/x-www-form-urlencoded', `token=${token}&role=admin`)).status, 400)
  t.is((await send('application/x-www-form-urlencoded', `token=a&token=${token}`)).status, 401)
  t.is((await send('application/x-www-form-urlencoded', `token[]=${token}`)).status, 401)
  t.is((await send('application/x-www-form-urlencoded', '')).status, 401)
  t.false(await isVerified(access))
  t.is((await press(world.client, (await world.client.get(path)).text)).status, 303)
})

const hostile: [string, string][] = [
  ['markup as a token', `token=${encodeURIComponent('"><script>alert(1)</script>')}`],
  ['markup as a language', `token=x&lang=${encodeURIComponent('"><script>alert(1)</script>')}`],
  ['a way out of the form', `token=x&lang=${encodeURIComponent('en" formaction="https://evil.example')}`],
  ['a template hole', `token=${encodeURIComponent('{{action}}')}&lang={{t.locale}}`],
  ['__proto__ as a language', 'token=x&lang=__proto__'],
  ['constructor as a language', 'token=x&lang=constructor'],
  ['a path as a language', 'token=x&lang=../../../etc/passwd%00'],
  ['__proto__ as a name', '__proto__=x&__proto__[token]=y&constructor[prototype][token]=z'],
  ['a token twice', 'token=lkp_a&token=lkp_b'],
  ['a token as a list', 'token[]=a&token[b]=c&lang[]=es'],
  ['a language twice', 'token=x&lang=es&lang=ar'],
  ['10 kB of token', `token=${'A'.repeat(10_000)}`],
  ['10 kB of language', `token=x&lang=${'a-'.repeat(5000)}`],
  ['bytes that are not UTF-8', 'token=%ff%fe%00&lang=%c0%ae'],
  ['a broken escape', 'token=%&lang=%zz'],
  ['line breaks', 'token=a%0d%0aSet-Cookie:%20x=y&lang=en%0d%0aX-Evil:%201'],
  ['no token', ''],
]
for (const [name, query] of hostile)
  test(`a link with ${name} shows the page, harmlessly`, async t => {
    const page = await world.client.get(`verify-email?${query}`)
    t.is(page.status, 200)
    t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
    t.is(page.text.match(/<form /g)?.length, 1)
    t.is(page.text.match(/<input /g)?.length, 1)
    t.notRegex(page.text, /<script|evil\.example"|\{\{t\./)
    t.regex(page.text, /action="verify-email\/confirm\?lang=(en|es|ar)"/)
    t.is(page.headers.get('set-cookie'), null)
    t.is(page.headers.get('x-evil'), null)
    t.regex(page.text, /name="token" value="[^"<>]*"/)
    const pressed = await press(world.client, page.text)
    t.is(pressed.status, 401)
  })

for (const query of ['lang=__proto__', 'lang[]=x', 'lang=%0d%0aX-Evil:1', `lang=${'x'.repeat(9000)}`])
  test(`the other pages bear ${query.slice(0, 30)} too`, async t => {
    t.is((await world.client.get(`email-verified?${query}`)).status, 200)
    const body = 'token=lkp_x'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const pressed = await world.client.send('POST', `verify-email/confirm?${query}`, { body, headers })
    t.is(pressed.status, 401)
    t.is(pressed.headers.get('x-evil'), null)
  })
