import { type EmailKind, type EmailVars, emailKinds } from '../catalog/emails.ts'
import { direction } from '../theme/locales.ts'
import { escapeHtml } from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { render } from './render.ts'

const link = 'https://accounts.example.com/api/v1/auth/link?token=lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd'
const name = 'Ada Lovelace'
const device = 'Chrome, Linux'
const seen = { time: '2027-01-31T18:05:00.000Z', ip: '203.0.113.7', device }

/** What each mail is shown with. */
export const samples: { readonly [K in EmailKind]: EmailVars<K> } = {
  verify_email: { name, link, code: '048213', hours: '24', remove_link: link, ...seen },
  verify_invited: { name, link, code: '048213', hours: '24' },
  welcome: { name, link },
  welcome_guest: { name, link, code: '04821396', hours: '24' },
  purchase_claim: { name: '', link, code: '04821396', hours: '24' },
  account_exists: { name, link },
  reset_password: { name, link, code: '04821396', minutes: '60' },
  password_changed: { name, link, ...seen },
  email_change: { name, account: 'ada@example.net', link, code: '048213', hours: '24' },
  email_changed: { name, link, email: 'a••@example.org', days: '7' },
  email_change_undone: { name, email: 'a••@example.net', ...seen },
  new_device: { name, link, ...seen },
  session_reuse: { name, ...seen },
  account_exported: { name, link, ...seen },
  account_deleted: { name, link, days: '30' },
  purchase_confirmation: {
    ...{ name, link, item: 'Corner bakery', amount: '1250000 GTQ' },
    reference: '019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b',
  },
}

const style = `
:root { color-scheme: light dark }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
section { margin: 2rem 0; border-top: 1px solid #8888; padding-top: 1rem }
h2 { margin: 0; font-size: 1.1rem }
.parts { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
iframe { width: 100%; height: 46rem; border: 1px solid #8888; background: #fff }
pre { margin: 0; border: 1px solid #8888; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere }
`

const section = async <K extends EmailKind>(theme: Theme, kind: K, locale: string): Promise<string> => {
  const { subject, html, text } = await render(theme, kind, locale, samples[kind])
  const words = `lang="${locale}" dir="${direction(locale)}"`
  return `<section id="${kind}-${locale}">
<h2>${kind} · ${locale}</h2>
<p ${words}>${escapeHtml(subject)}</p>
<div class="parts">
<iframe sandbox title="${kind} in ${locale}" srcdoc="${escapeHtml(html)}"></iframe>
<pre ${words}>${escapeHtml(text)}</pre>
</div>
</section>`
}

/** A page that shows every mail in every language, HTML and text side by side. */
export const previewPage = async (theme: Theme): Promise<string> => {
  const all = theme.templates.locales.tags.flatMap(locale => emailKinds.map(kind => ({ kind, locale })))
  const sections = await Promise.all(all.map(({ kind, locale }) => section(theme, kind, locale)))
  const links = all.map(({ kind, locale }) => `<a href="#${kind}-${locale}">${kind} · ${locale}</a>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emails · ${escapeHtml(theme.brand.name)}</title>
<style>${style}</style>
</head>
<body>
<nav>${links.join('\n')}</nav>
${sections.join('\n')}
</body>
</html>
`
}
