import type { EmailDefinition } from '../catalog/email-definition.ts'
import { direction } from '../theme/locales.ts'
import { escapeHtml } from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { render } from './render.ts'

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

const section = async (theme: Theme, email: EmailDefinition, locale: string): Promise<string> => {
  const { subject, html, text } = await render(theme, email, locale, email.sample)
  const { kind } = email
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

/** A page that shows every email in every language, HTML and text side by side. */
export const previewPage = async (theme: Theme): Promise<string> => {
  const all = theme.templates.locales.tags.flatMap(locale => theme.emails.map(email => ({ email, locale })))
  const sections = await Promise.all(all.map(({ email, locale }) => section(theme, email, locale)))
  const links = all.map(
    ({ email: { kind }, locale }) => `<a href="#${kind}-${locale}">${kind} · ${locale}</a>`,
  )
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
