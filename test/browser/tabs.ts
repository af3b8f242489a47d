import type { BrowserContext, CDPSession, Page } from 'puppeteer-core'
import type { Client, createClient } from '../../packages/client/src/main.ts'
import { until } from '../until.ts'

// Functions passed to `evaluate` run in the page. They see only these globals.
declare global {
  var client: Client
  var events: string[]
  var pending: Promise<unknown>
  /** Counts the requests that have not ended. */
  var underWay: { count: number }
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
    globalThis.underWay = { count: 0 }
    globalThis.gate = Promise.resolve()
    // The service may still get a request that the client has aborted. So that request continues, and counts until its end.
    const sendToEnd = async (url: Parameters<typeof fetch>[0], options: RequestInit): Promise<Response> => {
      const counter = globalThis.underWay
      counter.count++
      try {
        const response = await fetch(url, options)
        await response.clone().arrayBuffer()
        return response
      } finally {
        counter.count--
      }
    }
    const counting: typeof fetch = async (url, { signal, ...options } = {}) => {
      await globalThis.gate
      signal?.throwIfAborted()
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
      return Promise.race([sendToEnd(url, options), aborted])
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
    const counts = await Promise.all(tabs.map(({ page }) => page.evaluate(() => globalThis.underWay.count)))
    return counts.every(count => count === 0)
  })
  await act()
  await inEach(() => globalThis.openGate())
}
