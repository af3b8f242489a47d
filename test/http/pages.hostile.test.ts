import { createHash } from 'node:crypto'
import test from 'ava'
import { direction, locales } from '../../src/base/locales.ts'
import { page, pageStyleHash } from '../../src/http/pages.ts'

const confirm = (locale: string) => page(locale, 'confirm', { action: '/verify', token: 'abc' })
const all = (locale: string) => [confirm(locale), page(locale, 'verified', {}), page(locale, 'invalid', {})]

for (const locale of locales)
  test(`pages in ${locale} say their language, run no script and load nothing`, t => {
    for (const html of all(locale)) {
      t.true(html.startsWith(`<!doctype html>\n<html lang="${locale}" dir="${direction(locale)}">`))
      t.notRegex(html, /<(script|link|img|iframe|base)\b|\son\w+=|\sstyle=|url\(|@import|\{\{|undefined/)
      t.is(html.match(/<h1>[^<]+<\/h1>/g)?.length, 1)
      t.is(html.match(/<main>/g)?.length, 1)
    }
  })

test('the hash in the policy is that of the one style sheet of every page', t => {
  for (const html of locales.flatMap(all)) {
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)]
    t.is(styles.length, 1)
    const digest = createHash('sha256')
      .update(styles[0]?.[1] ?? '')
      .digest('base64')
    t.is(pageStyleHash, `sha256-${digest}`)
  }
})

test('a token or an address cannot leave its attribute, nor be filled in again', t => {
  const html = page('en', 'confirm', { action: '"><script>', token: `'"><b>{{action}}{{t.confirm_title}}` })
  t.true(html.includes('action="&quot;&gt;&lt;script&gt;"'))
  t.true(html.includes('value="&#39;&quot;&gt;&lt;b&gt;{{action}}{{t.confirm_title}}"'))
})

test('the address of the page, which holds the token, is passed on to nobody', t => {
  t.true(confirm('en').includes('<meta name="referrer" content="no-referrer">'))
})

test('only the page that asks holds a form', t => {
  t.regex(confirm('en'), /<form method="post" action="\/verify">/)
  t.notRegex(page('en', 'verified', {}) + page('en', 'invalid', {}), /<form/)
})

test('an unknown language falls back', t => {
  t.is(confirm('../../x'), confirm('en'))
  t.is(confirm('es-MX'), confirm('es'))
})
