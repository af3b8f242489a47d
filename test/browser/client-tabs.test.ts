import { setTimeout as delay } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import type { Browser } from 'puppeteer-core'
import { anEmail, opaqueToken, password } from '../fixtures.ts'
import { until } from '../until.ts'
import { openWorld, type World } from '../world.ts'
import { openBrowser } from './open-browser.ts'
import { openPageServer, type PageServer } from './page-server.ts'
import { openTab, requestAll, type Tab, whileQuiet } from './tabs.ts'

type Context = { world: World; server: PageServer; browser: Browser; opened: AsyncDisposableStack }

const test = anyTest.serial as TestFn<Context>

test.before(async t => {
  const opened = new AsyncDisposableStack()
  t.context.opened = opened
  const server = opened.use(await openPageServer())
  const [world, { browser }] = await Promise.all([
    openWorld({ env: { CORS_ORIGINS: server.origin } }),
    openBrowser().then(each => opened.use(each)),
  ])
  opened.use(world)
  Object.assign(t.context, { server, world, browser })
})
test.after.always(t => t.context.opened.disposeAsync())

const minute = 60_000
let shift = 0

/** Moves the clock of the service, so that every access token has expired. Twice is longer than any grace period. */
const expireTokens = async (world: World, tabs: readonly Tab[]): Promise<void> => {
  // A refresh that is under way while the clock jumps, or begins then, would arrive after its grace period.
  await whileQuiet(tabs, async () => {
    shift += 16 * minute
    await world.travel(shift)
  })
}

const refreshCount = async (world: World): Promise<number> => {
  const lines = await world.logs()
  return lines.filter(line => line.includes('"route":"/api/v1/auth/refresh"')).length
}

const eventsOf = (tabs: readonly Tab[]): Promise<string[][]> => Promise.all(tabs.map(tab => tab.events()))

const transports = { cookie: { transport: 'cookie' }, body: { storage: 'localStorage' } } as const

for (const [name, options] of Object.entries(transports))
  test(`8 tabs (${name}) refresh for a simulated hour, one is frozen, one is killed → all stay signed in`, async t => {
    const { world, server, browser } = t.context
    const context = await browser.createBrowserContext()
    const tabs = await Promise.all(
      Array.from({ length: 8 }, () => openTab(context, server.origin, { baseUrl: world.url, ...options })),
    )
    const [first, ...others] = tabs
    const [killed, frozen, ...rest] = others
    if (!first || !killed || !frozen) throw new Error('no tabs')
    const email = anEmail()
    const userId = await first.page.evaluate(
      async body => (await globalThis.client.register(body)).user?.id ?? '',
      { email, password },
    )
    t.deepEqual([...(await requestAll(tabs, 1))], [userId])

    for (let round = 0; round < 4; round++) {
      await expireTokens(world, tabs)
      t.deepEqual([...(await requestAll(tabs, 10))], [userId], `round ${round}`)
    }

    // A tab is frozen while its refresh is under way, and the other tabs exchange the token twice.
    await expireTokens(world, tabs)
    await frozen.page.evaluate(() => {
      globalThis.pending = globalThis.client.me()
    })
    const frozenAt = performance.now()
    await frozen.cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
    for (let round = 0; round < 2; round++) {
      await requestAll([first, ...rest], 5)
      // The tab that asks for nothing may repair the refresh of the frozen one.
      await expireTokens(world, [first, killed, ...rest])
    }
    // Only the clock of the service has moved by minutes. The tab repeats its refresh if it wakes within 8 s of its own clock.
    await delay(Math.max(0, frozenAt + 9000 - performance.now()))
    await frozen.cdp.send('Page.setWebLifecycleState', { state: 'active' })
    // Chromium may drop a reply that arrived while the page was frozen. Then that request has no end, and no longer counts.
    await Promise.race([frozen.page.evaluate(() => globalThis.pending.catch(() => null)), delay(5000)])
    await frozen.page.evaluate(() => {
      globalThis.underWay = { count: 0 }
    })
    t.deepEqual([...(await requestAll(tabs, 5))], [userId])

    const alive = [first, frozen, ...rest]
    // A tab is closed after the service has exchanged its token, and before it gets the reply.
    const paused = new Promise(resolve => killed.cdp.once('Fetch.requestPaused', resolve))
    await killed.cdp.send('Fetch.enable', {
      patterns: [{ urlPattern: '*/auth/refresh', requestStage: 'Response' }],
    })
    let before = 0
    let eventsBefore: string[][] = []
    // Another tab may get new tokens first. Then this one sends no refresh, and the tokens expire again.
    for (let isPaused = false, attempt = 0; !isPaused && attempt < 5; attempt++) {
      await expireTokens(world, tabs)
      before = await refreshCount(world)
      eventsBefore = await eventsOf(alive)
      await killed.page.evaluate(() => {
        globalThis.pending = globalThis.client.me()
      })
      const answered = killed.page.evaluate(() => globalThis.pending).catch(() => null)
      isPaused = await Promise.race([paused.then(() => true), answered.then(() => false)])
    }
    await killed.page.close()
    await until('another tab repairs the refresh', async () => (await refreshCount(world)) > before + 1)
    await until('every tab has the new tokens', async () =>
      (await eventsOf(alive)).every((events, i) => events.length > (eventsBefore[i]?.length ?? 0)),
    )
    await expireTokens(world, alive)
    t.deepEqual([...(await requestAll(alive, 5))], [userId])

    // Every tab asks for new tokens at once.
    await Promise.all(
      alive.map(({ page }) =>
        page.evaluate(() => Promise.all(Array.from({ length: 40 }, () => globalThis.client.refresh()))),
      ),
    )
    await expireTokens(world, alive)
    t.deepEqual([...(await requestAll(alive, 5))], [userId])
    t.deepEqual(
      (await eventsOf(alive)).flat().filter(event => event === 'signed_out'),
      [],
    )

    await first.page.evaluate(() => globalThis.client.logout())
    await until('all tabs are signed out', async () =>
      (await eventsOf(alive)).every(events => events.at(-1) === 'signed_out'),
    )
    const sessions = await Promise.all(
      alive.map(({ page }) => page.evaluate(() => globalThis.client.session())),
    )
    t.deepEqual(
      sessions.filter(session => session !== null),
      [],
    )
    await context.close()
  })

test('logout in one tab while another still reads the old localStorage → both are signed out', async t => {
  const { world, server, browser } = t.context
  const context = await browser.createBrowserContext()
  const options = { baseUrl: world.url, storage: 'localStorage' } as const
  const [one, two] = await Promise.all([0, 1].map(() => openTab(context, server.origin, options)))
  if (!one || !two) throw new Error('no tabs')
  await one.page.evaluate(async body => globalThis.client.register(body), { email: anEmail(), password })
  await until('the second tab is signed in', async () => (await two.events()).at(-1) === 'signed_in')
  // Processes of a browser see each other's changes late, sometimes. Here the second one never sees them.
  await two.page.evaluate(() => {
    const old = new Map(Object.entries(localStorage))
    Storage.prototype.getItem = key => old.get(key) ?? null
  })
  await one.page.evaluate(() => globalThis.client.logout())
  await until('the second tab is signed out', async () => (await two.events()).at(-1) === 'signed_out')
  t.is(await two.page.evaluate(() => globalThis.client.session()), null)
  await context.close()
})

test('a page with the cookie → no script, message or other origin sees the refresh token', async t => {
  const { world, server, browser } = t.context
  const context = await browser.createBrowserContext()
  const options = { baseUrl: world.url, transport: 'cookie', origins: [server.origin] } as const
  const [one, two] = await Promise.all([0, 1].map(() => openTab(context, server.origin, options)))
  const foreign = await context.newPage()
  await foreign.goto(server.otherOrigin)
  if (!one || !two) throw new Error('no tabs')
  const channel = `latchkey cookie ${world.url}`
  for (const page of [two.page, foreign])
    await page.evaluate(name => {
      globalThis.events = []
      new BroadcastChannel(name).addEventListener('message', event =>
        globalThis.events.push(JSON.stringify((event as MessageEvent).data)),
      )
    }, channel)
  const [email, other] = [anEmail(), anEmail()]
  await one.page.evaluate(async body => globalThis.client.register(body), { email, password })
  await expireTokens(world, [one, two])
  await requestAll([one, two], 2)

  const sent = (await two.page.evaluate(() => globalThis.events)).filter(text => text.startsWith('{'))
  t.true(sent.some(text => text.includes('"changed"')))
  t.false(sent.some(text => opaqueToken.test(text)))
  t.deepEqual(await foreign.evaluate(() => globalThis.events), [])
  t.deepEqual(
    await one.page.evaluate(() => [
      (globalThis as unknown as { document: { cookie: string } }).document.cookie,
      localStorage.length,
      sessionStorage.length,
    ]),
    ['', 0, 0],
  )

  // Redirects in a browser.
  const fetched = (path: string) =>
    one.page.evaluate(async url => (await globalThis.client.fetch(url)).status, server.origin + path)
  t.is(await fetched('/own'), 200)
  t.is(await fetched('/out'), 200)
  const bearers = server.seen.map(({ path, authorization }) => [path, authorization?.slice(0, 7)])
  t.deepEqual(bearers, [
    ['/own', 'Bearer '],
    ['/out', 'Bearer '],
    ['/in', undefined],
  ])

  // Another user signs in in the second tab.
  await world.client.post('register', { email: other, password })
  await two.page.evaluate(async body => globalThis.client.login(body), { email: other, password })
  await until(
    'the first tab shows the other user',
    async () => (await one.events()).slice(-2).join() === 'signed_out,signed_in',
  )
  t.is(await one.page.evaluate(async () => (await globalThis.client.me()).email), other)
  await context.close()
})
