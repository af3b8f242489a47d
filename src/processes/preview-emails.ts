import { once } from 'node:events'
import { createServer } from 'node:http'
import { emails as allEmails } from '../modules.ts'
import { onFreePort } from '../platform/base/free-port.ts'
import { configErrorText, exitConfig, readTheme } from '../platform/config/config.ts'
import { checkTemplatesOrExit } from '../platform/mail/check-templates.ts'
import { previewPage } from '../platform/mail/preview.ts'
import { openTheme } from '../platform/theme/theme.ts'

// `npm run emails:preview`: a page with every email of this checkout, which only this machine can open.

const defaultPort = 8026

const read = readTheme(process.env)
if ('errors' in read) {
  process.stderr.write(configErrorText(read.errors))
  process.exit(exitConfig)
}
const { config } = read
await checkTemplatesOrExit(config, allEmails)
const logo = config.brand.logoUrl ? ` ${new URL(config.brand.logoUrl).origin}` : ''
const headers = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'unsafe-inline'; img-src data:${logo}; frame-src 'self'`,
}

const page = await previewPage(openTheme(config, allEmails))
const server = createServer((request, reply) => {
  const found = request.url === '/'
  reply.writeHead(found ? 200 : 404, headers).end(found ? page : '')
})
const port = await onFreePort(defaultPort, async free => {
  server.listen(free, '127.0.0.1')
  await once(server, 'listening')
  return free
})
process.stdout.write(`Every email in every language: http://localhost:${port}\n`)
