import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import anyTest, { type TestFn } from 'ava'
import type { CDPSession, Page } from 'puppeteer-core'
import { anEmail, password } from '../fixtures.ts'
import { openWorld, type World } from '../world.ts'
import { openBrowser } from './open-browser.ts'

// Runs the script of docs/passkeys.md as it is printed, in Chromium with an authenticator of the browser's own.

type Context = { world: World; page: Page; cdp: CDPSession; opened: AsyncDisposableStack }

const test = anyTest.serial as TestFn<Context>

const blockOf = (text: string, name: string): string =>
  new RegExp(`<!-- ${name} -->\\s*\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? ''

/** The server of an app: one page, and the script of the document as a module. */
const openAppServer = async () => {
  const text = await readFile(new URL('../../docs/passkeys.md', import.meta.url), 'utf8')
  const script = blockOf(text, 'passkeys') + blockOf(text, 'autofill')
  let service = ''
  const server = createServer(({ url }, response) => {
    if (url !== '/passkeys.js')
      return response.setHeader('Content-Type', 'text/html').end('<input autocomplete="username webauthn">')
    response.setHeader('Content-Type', 'text/javascript')
    response.end(script.replace('https://accounts.example.com', service))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    setService: (url: string) => {
      service = url
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    },
  }
}

/** Connects an authenticator. Chromium makes no passkey on a USB key that has no PIN. Returns its id. */
const addAuthenticator = async (
  cdp: CDPSession,
  kind: 'laptop' | 'tablet without a lock',
): Promise<string> => {
  const verifies = kind === 'laptop'
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: verifies,
      isUserVerified: verifies,
      automaticPresenceSimulation: true,
    },
  })
  return authenticatorId
}

const removeAuthenticator = (cdp: CDPSession, authenticatorId: string) =>
  cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })

test.before(async t => {
  const opened = new AsyncDisposableStack()
  t.context.opened = opened
  const app = opened.use(await openAppServer())
  const env = { CORS_ORIGINS: app.origin, WEBAUTHN_ORIGINS: app.origin, WEBAUTHN_RP_ID: 'localhost' }
  const [world, { browser }] = await Promise.all([
    openWorld({ env }),
    openBrowser().then(each => opened.use(each)),
  ])
  opened.use(world)
  app.setService(world.url)
  const page = await browser.newPage()
  await page.goto(app.origin)
  const cdp = await page.createCDPSession()
  await cdp.send('WebAuthn.enable', { enableUI: false })
  Object.assign(t.context, { world, page, cdp })
})
test.after.always(t => t.context.opened.disposeAsync())

/** What an exported function of the script returns, or the name or code of its error. */
const call = (page: Page, name: string, ...args: unknown[]) =>
  page.evaluate(
    async (path, exported, given) => {
      const script = await import(path)
      return script[exported](...given).catch((error: { code: unknown; name?: string }) => ({
        error: error.name ?? error.code,
      }))
    },
    '/passkeys.js',
    name,
    args,
  )

test('the script of docs/passkeys.md → adds a passkey, signs in with it, and in the form', async t => {
  const { world, page, cdp } = t.context
  const laptop = await addAuthenticator(cdp, 'laptop')
  const email = anEmail()
  const registered = await world.client.post('register', { email, password })
  const added = await call(page, 'addPasskey', registered.body.access_token, 'Laptop')
  t.like(added.factor, { type: 'passkey', name: 'Laptop', user_verifying: true })
  t.is(added.recovery_codes.length, 10)
  t.deepEqual(await call(page, 'addPasskey', registered.body.access_token, 'Again'), {
    error: 'InvalidStateError',
  })

  t.is((await call(page, 'signInWithPasskey')).user.email, email)
  const offered = await page.evaluate(
    async path => (await import(path)).offerPasskeys(new AbortController().signal),
    '/passkeys.js',
  )
  t.is(offered.user.email, email)

  const first = await world.client.post('login', { email, password })
  t.deepEqual([first.status, first.body.methods], [403, ['passkey', 'recovery_code']])
  const credential = await call(page, 'answerWithPasskey', first.body.passkey_options)
  const second = await world.client.post('login/mfa', { mfa_token: first.body.mfa_token, credential })
  t.deepEqual([second.status, second.body.user?.email], [200, email])

  const { access_token: token } = second.body
  const removed = await world.client.send('DELETE', `factors/${added.factor.id}`, { token })
  t.is(removed.status, 204)
  t.deepEqual(await call(page, 'signInWithPasskey'), { error: 'INVALID_PASSKEY' })
  await removeAuthenticator(cdp, laptop)
})

test('a second device that does not verify the user → only the second step after the password', async t => {
  const { world, page, cdp } = t.context
  const email = anEmail()
  const { body: session } = await world.client.post('register', { email, password })
  const laptop = await addAuthenticator(cdp, 'laptop')
  t.is((await call(page, 'addPasskey', session.access_token, 'Laptop')).factor.user_verifying, true)
  await removeAuthenticator(cdp, laptop)
  const tablet = await addAuthenticator(cdp, 'tablet without a lock')
  const added = await call(page, 'addPasskey', session.access_token, 'Tablet')
  t.like(added.factor, { name: 'Tablet', user_verifying: false })

  // Chromium asks a device that does not verify the user only for passkeys that the page names.
  t.deepEqual(await call(page, 'signInWithPasskey'), { error: 'NotAllowedError' })
  const first = await world.client.post('login', { email, password })
  const credential = await call(page, 'answerWithPasskey', first.body.passkey_options)
  const second = await world.client.post('login/mfa', { mfa_token: first.body.mfa_token, credential })
  t.deepEqual([second.status, second.body.user?.email], [200, email])
  await removeAuthenticator(cdp, tablet)
})
