import { type ProblemDefinition, problemSlug } from '../catalog/problem-definition.ts'
import type { Assets } from '../http/asset.ts'
import { brandValues } from '../theme/brand-values.ts'
import { compileTemplate, escapeHtml, fillTemplate } from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { brandHeader } from './page-header.ts'
import { pageStyle } from './page-style.ts'

// The pages that the `type` of a problem links to. They are for developers, so they are only in English.

const style = `code { font-size: .95em; overflow-wrap: anywhere }
ul { margin: 0 0 12px; padding-inline-start: 20px }
main { max-width: 640px }
`

const policy = ({ brand }: Theme): string => {
  const logo = brand.logoUrl ? ` ${new URL(brand.logoUrl).origin}` : ''
  return `default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; style-src 'self'; img-src data:${logo}`
}

/** Marks up the names of headers and fields, which the texts write between backticks. */
const withCode = (text: string): string => text.replace(/`([^`]+)`/g, '<code>$1</code>')

const reasons = ({ details = {} }: ProblemDefinition): string => {
  const items = Object.values(details).map(sentence => `<li>${withCode(sentence)}</li>\n`)
  return items.length > 0 ? `<ul>\n${items.join('')}</ul>\n` : ''
}

const documentOf = (theme: Theme, problem: ProblemDefinition): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${problem.code} · {{brand}}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="own.css">
</head>
<body>
<main>
${brandHeader(theme)}
<h1>${problem.title}</h1>
<p><code>${problem.code}</code>, HTTP ${problem.status}</p>
<p>${withCode(problem.help)}</p>
${reasons(problem)}</main>
</body>
</html>
`

/** The page of each problem, and their style sheet. */
export const problemAssets = (theme: Theme, problems: readonly ProblemDefinition[]): Assets => ({
  '/problems/own.css': () => ({ type: 'text/css', body: pageStyle(theme.brand) + style }),
  ...Object.fromEntries(
    problems.map(problem => [
      `/problems/${problemSlug(problem.code)}`,
      () => ({
        type: 'text/html',
        csp: policy(theme),
        body: fillTemplate(compileTemplate(documentOf(theme, problem)), brandValues(theme.brand), escapeHtml),
      }),
    ]),
  ),
})
