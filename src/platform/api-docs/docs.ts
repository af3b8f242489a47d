import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Assets } from '../http/asset.ts'
import type { Described } from './openapi.ts'

// The documentation is static and derived from the routes. Each page has the narrowest policy under which it works: Swagger
// UI needs only its own files. Redoc writes its styles into the page and searches in a worker made from a blob.

const closed = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
const swaggerPolicy = `${closed}; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'`
const redocPolicy = `${closed}; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src blob:`

const html = (title: string, head: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
${body}
</body>
</html>
`

const swaggerPage = html(
  'Latchkey API',
  '<link rel="stylesheet" href="docs/swagger-ui.css">\n<link rel="stylesheet" href="docs/own.css">',
  '<div id="ui"></div>\n<script src="docs/swagger-ui-bundle.js"></script>\n<script src="docs/init.js"></script>',
)

const swaggerInit = `document.documentElement.classList.toggle('dark-mode', matchMedia('(prefers-color-scheme: dark)').matches)
window.ui = SwaggerUIBundle({ url: 'openapi.json', dom_id: '#ui', deepLinking: true, validatorUrl: null })
`

const swaggerStyle = 'body { margin: 0 }\nhtml.dark-mode body { background: #1c2022 }\n'

// Redoc has no dark mode: its text is dark.
const redocStyle = ':root { color-scheme: light }\nbody { margin: 0; background: #fff }\n'

const redocPage = html(
  'Latchkey API',
  '<link rel="stylesheet" href="redoc/own.css">',
  '<div id="ui"></div>\n<script src="redoc/redoc.standalone.js"></script>\n<script src="redoc/init.js"></script>',
)

const redocInit = `Redoc.init('openapi.json', { disableSearch: false }, document.getElementById('ui'))\n`

// Redoc loads the logo of its vendor from the vendor's server, which would learn who reads which page.
const redocLogo = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

// Bytes, because Koa would encode a megabyte of text for every request.
const file = (url: string): Buffer => readFileSync(fileURLToPath(url))

const withoutLogo = (script: Buffer): Buffer => Buffer.from(script.toString().replaceAll(redocLogo, 'data:,'))

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

const js = 'text/javascript'

/** The pages of the documentation and their files. */
export const docAssets = (describe: () => Promise<Described>, publicUrl: string): Assets => ({
  '/openapi.json': once(async () => {
    // Loaded here, as most processes are never asked for it.
    const { openapi } = await import('./openapi.ts')
    return { type: 'application/json', body: JSON.stringify(openapi(await describe(), publicUrl)) }
  }),
  '/docs': () => ({ type: 'text/html', body: swaggerPage, csp: swaggerPolicy }),
  '/docs/init.js': () => ({ type: js, body: swaggerInit }),
  '/docs/own.css': () => ({ type: 'text/css', body: swaggerStyle }),
  '/docs/swagger-ui.css': once(() => ({
    type: 'text/css',
    body: file(import.meta.resolve('swagger-ui-dist/swagger-ui.css')),
  })),
  '/docs/swagger-ui-bundle.js': once(() => ({
    type: js,
    body: file(import.meta.resolve('swagger-ui-dist/swagger-ui-bundle.js')),
  })),
  '/redoc': () => ({ type: 'text/html', body: redocPage, csp: redocPolicy }),
  '/redoc/init.js': () => ({ type: js, body: redocInit }),
  '/redoc/own.css': () => ({ type: 'text/css', body: redocStyle }),
  '/redoc/redoc.standalone.js': once(() => ({
    type: js,
    body: withoutLogo(file(import.meta.resolve('redoc/bundles/redoc.standalone.js'))),
  })),
})
