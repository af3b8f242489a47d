import anyTest from 'ava'
import { createClient } from '../../../packages/client/src/main.ts'
import { openPage, sessionReply } from './page.ts'

// A page that the browser freezes while a refresh is under way. Its timers run late, all at once, and before the reply.

const test = anyTest.serial

const baseUrl = 'https://accounts.example.com'

/** Collects what the client wants to do later. Returns a function that does it, the first that is due first. */
const holdTimers = () => {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  let timers: { run: () => void; delay: number }[] = []
  globalThis.setTimeout = ((run: () => void, delay: number) => {
    const timer = { run, delay }
    timers.push(timer)
    return timer
  }) as unknown as typeof setTimeout
  globalThis.clearTimeout = (timer => {
    timers = timers.filter(each => each !== (timer as unknown))
  }) as typeof clearTimeout
  return {
    runAll: () => {
      const due = [...timers].sort((a, b) => a.delay - b.delay)
      timers = []
      for (const { run } of due) run()
    },
    [Symbol.dispose]: () => Object.assign(globalThis, real),
  }
}

test('page frozen for a minute during a refresh → the old token is not sent again, and the reply counts', async t => {
  using page = openPage()
  const client = createClient({ baseUrl, fetch: page.fetch })
  page.reply = () => sessionReply({ life: 1, refresh: 'first' })
  await client.login({ email: 'ada@example.com', password: 'correct horse 9' })
  page.advance(2000)
  const { promise, resolve } = Promise.withResolvers<Response>()
  page.reply = () => promise
  using timers = holdTimers()
  const token = client.accessToken()
  while (page.paths().length < 2) await new Promise(resolve => setImmediate(resolve))
  page.advance(60_000)
  timers.runAll()
  resolve(sessionReply({ refresh: 'second' }))
  t.truthy(await token)
  t.deepEqual(page.paths(), ['login', 'refresh'])
})

test('no reply to a refresh after four seconds → it is sent a second time, with the same token', async t => {
  using page = openPage()
  const client = createClient({ baseUrl, fetch: page.fetch })
  page.reply = () => sessionReply({ life: 1, refresh: 'first' })
  await client.login({ email: 'ada@example.com', password: 'correct horse 9' })
  page.advance(2000)
  page.reply = () => new Promise(() => {})
  using timers = holdTimers()
  const token = client.accessToken()
  while (page.paths().length < 2) await new Promise(resolve => setImmediate(resolve))
  page.advance(4000)
  page.reply = () => sessionReply({ refresh: 'second' })
  timers.runAll()
  t.truthy(await token)
  t.deepEqual(
    page.requests.slice(1).map(({ body }) => body),
    [{ refresh_token: 'first' }, { refresh_token: 'first' }],
  )
})
