import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { root } from '../house/source.ts'

const page = `<!doctype html><title>App</title><link rel="icon" href="data:,">
<script type="module">
import { createClient } from '/client/main.ts'
globalThis.createClient = createClient
</script>`

type Seen = { path: string; authorization: string | undefined }

/** The web server of an app. It serves the client as modules, and redirects `/out` to the same server by another name. */
export type PageServer = AsyncDisposable & { origin: string; otherOrigin: string; seen: Seen[] }

export const openPageServer = async (): Promise<PageServer> => {
  const seen: Seen[] = []
  const server = createServer(async ({ url = '/', headers }, response) => {
    const { port } = server.address() as AddressInfo
    if (url.startsWith('/client/')) {
      const code = await readFile(join(root, 'packages/client/src', basename(url)), 'utf8')
      response.setHeader('Content-Type', 'text/javascript')
      return response.end(stripTypeScriptTypes(code))
    }
    if (url === '/') return response.setHeader('Content-Type', 'text/html').end(page)
    seen.push({ path: url, authorization: headers.authorization })
    response
      .setHeader('Access-Control-Allow-Origin', '*')
      .setHeader('Access-Control-Allow-Headers', '*, Authorization')
    if (url === '/out') return response.writeHead(302, { location: `http://localhost:${port}/in` }).end()
    response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ seen, origin: `http://127.0.0.1:${port}`, otherOrigin: `http://localhost:${port}` },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
