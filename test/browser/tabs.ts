import type { BrowserContext, CDPSession, Page } from 'puppeteer-core'
import type { Client, createClient } from '../../packages/client/src/main.ts'
import { until } from '../until.ts'

// Functions passed to `evaluate` run in the page. They see only these globals.
declare global {
  var client: Client
  var events: string[]
  var pending: Promise<unknown>
  var underWay: number
  /** Holds back requests until it resolves. */
  var gate: Promise<void>
  var openGate: () => void
}

type Options = Parameters<typeof createClient>[0]

export type Tab = { page: Page; cdp: CDPSession; events: () => Promise<string[]> }

/** Opens a tab of the app with a client. */
export const openTab = async (context: BrowserContext, origin: string, options: Options): Promise<Tab> => {
  const page = await context.newPage()
  await page.goto(origin)
  await page.evaluate(given => {
    const { createClient: create } = globalThis as unknown as { createClient: typeof createClient }
    globalThis.events = []
    globalThis.underWay = 0
    globalThis.gate = Promise.resolve()
    const counting = async (...args: Parameters<typeof fetch>): Promise<Response> => {
      await globalThis.gate
      globalThis.underWay++
      return fetch(...args).finally(() => globalThis.underWay--)
    }
    globalThis.client = create({ ...given, fetch: counting })
    globalThis.client.onChange(event => globalThis.events.push(event))
  }, options)
  return { page, cdp: await page.createCDPSession(), events: () => page.evaluate(() => globalThis.events) }
}

/** Sends this many simultaneous requests from each tab. Returns the ids of the users that the replies name. */
export const requestAll = async (tabs: readonly Tab[], count: number): Promise<Set<string>> => {
  const ids = await Promise.all(
    tabs.map(({ page }) =>
      page.evaluate(async n => {
        const users = await Promise.all(Array.from({ length: n }, () => globalThis.client.me()))
        return users.map(({ id }) => id)
      }, count),
    ),
  )
  return new Set(ids.flat())
}

/** Runs `act` while no request of these tabs is under way or begins. */
export const whileQuiet = async (tabs: readonly Tab[], act: () => Promise<void>): Promise<void> => {
  const inEach = (run: () => void) => Promise.all(tabs.map(({ page }) => page.evaluate(run)))
  await inEach(() => {
    globalThis.gate = new Promise(resolve => {
      globalThis.openGate = resolve
    })
  })
  await until('no request is under way', async () => {
    const counts = await Promise.all(tabs.map(({ page }) => page.evaluate(() => globalThis.underWay)))
    return counts.every(count => count === 0)
  })
  await act()
  await inEach(() => globalThis.openGate())
}
