import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import { createClient, type StorageAdapter } from '../../../packages/client/src/main.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { expireTokens } from './clocks.ts'
import { problemReply, recordingFetch } from './recording-fetch.ts'

// Clients with one storage are tabs without a BroadcastChannel: they share only the storage.

const test = anyTest.serial as TestFn<{ world: World }>

test.before(async t => {
  t.context.world = await openWorld()
})
test.after.always(t => t.context.world[Symbol.asyncDispose]())

type Store = StorageAdapter & { values: Map<string, string>; fails: Set<'get' | 'set' | 'remove'> }

/** A storage in memory that answers after a while, and fails on request. */
const openStore = (milliseconds: number | null): Store => {
  const values = new Map<string, string>()
  const fails = new Set<'get' | 'set' | 'remove'>()
  const answer = <T>(name: 'get' | 'set' | 'remove', act: () => T): T | Promise<T> => {
    const checked = () => {
      if (fails.has(name)) throw new Error(`${name} failed`)
      return act()
    }
    return milliseconds === null ? checked() : sleep(milliseconds).then(checked)
  }
  return {
    ...{ values, fails },
    get: key => answer('get', () => values.get(key)),
    set: (key, value) => answer('set', () => values.set(key, value)),
    remove: key => answer('remove', () => values.delete(key)),
  }
}

const openTab = (world: World, storage: StorageAdapter) => {
  const recording = recordingFetch()
  const client = createClient({ baseUrl: world.url, storage, fetch: recording.fetch })
  const events: string[] = []
  client.onChange(event => events.push(event))
  return { client, events, recording, to: recording.to }
}

const openTabs = async (world: World, count: number, storage: StorageAdapter) => {
  const email = anEmail()
  const tabs = Array.from({ length: count }, () => openTab(world, storage))
  const [first] = tabs
  if (!first) throw new Error('no tab')
  await first.client.register({ email, password })
  await Promise.all(tabs.map(({ client }) => client.session()))
  return { tabs, email }
}

const isAlive = ({ events }: { events: string[] }) => !events.includes('signed_out')

for (const [name, milliseconds] of [
  ['synchronous', null],
  ['slow', 15],
] as const)
  test(`8 clients share a ${name} storage and refresh 5 times at once → none is signed out`, async t => {
    const { world } = t.context
    const { tabs } = await openTabs(world, 8, openStore(milliseconds))
    for (let round = 0; round < 5; round++) {
      await expireTokens(world)
      const users = tabs.flatMap(({ client }) => Array.from({ length: 10 }, () => client.me()))
      t.is(new Set((await Promise.all(users)).map(({ id }) => id)).size, 1)
    }
    t.true(tabs.every(isAlive))
    t.true(tabs.every(({ to }) => to('refresh').length <= 5))
  })

test('a page is loaded again → the session continues from the storage', async t => {
  const { world } = t.context
  const storage = openStore(null)
  const { tabs } = await openTabs(world, 1, storage)
  const again = openTab(world, storage)
  t.deepEqual(await again.client.session(), (await tabs[0]?.client.session()) ?? null)
  await again.client.me()
  t.is(again.to('refresh').length, 0)
  t.deepEqual(again.events, ['signed_in'])
})

test('a client slept while another refreshed twice → it takes the newest token from the storage', async t => {
  const { world } = t.context
  const { tabs } = await openTabs(world, 2, openStore(null))
  const [awake, asleep] = tabs
  for (let round = 0; round < 2; round++) {
    await expireTokens(world)
    await awake?.client.me()
  }
  await asleep?.client.me()
  t.is(asleep?.to('refresh').length, 0)
  await expireTokens(world)
  await asleep?.client.me()
  await awake?.client.me()
  t.true(tabs.every(isAlive))
})

test('a client gets the reply to its refresh after another refreshed twice → the newer tokens stay', async t => {
  const { world } = t.context
  const { tabs } = await openTabs(world, 2, openStore(null))
  const [awake, asleep] = tabs
  if (!awake || !asleep) throw new Error('no tabs')
  await expireTokens(world)
  const { promise: thawed, resolve: thaw } = Promise.withResolvers<void>()
  const { promise: replied, resolve: reply } = Promise.withResolvers<void>()
  asleep.recording.hook = ({ path }, send) =>
    path.endsWith('/refresh')
      ? send().then(async response => {
          // The reply is kept in memory, as of a tab that is frozen after it arrived.
          const copy = new Response(await response.text(), response)
          reply()
          await thawed
          return copy
        })
      : null
  const pending = asleep.client.me()
  await replied
  await awake.client.me()
  await expireTokens(world)
  await awake.client.me()
  asleep.recording.hook = null
  thaw()
  await pending
  await expireTokens(world)
  await asleep.client.me()
  await awake.client.me()
  t.true(tabs.every(isAlive))
})

test('an exchange gets an equal access token → the other client still sees the new refresh token', async t => {
  const { world } = t.context
  const { tabs } = await openTabs(world, 2, openStore(null))
  const [first, second] = tabs
  if (!first || !second) throw new Error('no tabs')
  let refused = false
  first.recording.hook = ({ path }) => {
    if (!path.endsWith('/me') || refused) return null
    refused = true
    return Promise.resolve(problemReply(401, 'TOKEN_EXPIRED'))
  }
  await first.client.me()
  t.is(first.to('refresh').length, 1)
  await expireTokens(world)
  await second.client.me()
  await first.client.me()
  t.true(tabs.every(isAlive))
})

test('writing to the storage fails → the client continues from memory and writes later', async t => {
  const { world } = t.context
  const storage = openStore(null)
  const { tabs } = await openTabs(world, 1, storage)
  const [tab] = tabs
  if (!tab) throw new Error('no tab')
  storage.fails.add('set')
  for (let round = 0; round < 2; round++) {
    await expireTokens(world)
    await tab.client.me()
  }
  storage.fails.clear()
  await expireTokens(world)
  await tab.client.me()
  const reloaded = openTab(world, storage)
  await expireTokens(world)
  await reloaded.client.me()
  t.true(isAlive(tab))
})

test('reading the storage fails → no old token is sent, and the client recovers', async t => {
  const { world } = t.context
  const storage = openStore(null)
  const { tabs } = await openTabs(world, 1, storage)
  const [tab] = tabs
  if (!tab) throw new Error('no tab')
  await expireTokens(world)
  storage.fails.add('get')
  await t.throwsAsync(tab.client.me(), { message: 'get failed' })
  t.is(tab.to('refresh').length, 0)
  storage.fails.clear()
  await tab.client.me()
  t.true(isAlive(tab))
})

test('another user signs in in another client → a request of the first user is not sent as the second', async t => {
  const { world } = t.context
  const { tabs } = await openTabs(world, 2, openStore(null))
  const [first, second] = tabs
  if (!first || !second) throw new Error('no tabs')
  const before = await first.client.accessToken()
  const email = anEmail()
  await createClient({ baseUrl: world.url }).register({ email, password })
  await second.client.login({ email, password })
  await expireTokens(world)
  const refused = await first.client.fetch(`${world.url}/api/v1/auth/me`)
  t.is(refused.status, 401)
  const tokens = first.recording.sent.map(({ authorization }) => authorization).filter(Boolean)
  t.deepEqual([...new Set(tokens)], [`Bearer ${before}`])
  t.deepEqual(first.events, ['signed_in', 'signed_out', 'signed_in'])
  t.is((await first.client.me()).email, email)
})

test('a client signs out → another with its storage is signed out before their next refresh', async t => {
  const { world } = t.context
  const storage = openStore(null)
  const { tabs } = await openTabs(world, 2, storage)
  const [first, second] = tabs
  await first?.client.logout()
  t.is(storage.values.size, 0)
  t.is((await second?.client.fetch(`${world.url}/api/v1/auth/me`))?.status, 401)
  t.is(second?.events.at(-1), 'signed_out')
  t.is(second?.to('refresh').length, 0)
})

test('the storage holds another text than that of a session → no one is signed in', async t => {
  const { world } = t.context
  for (const text of ['', 'null', '{}', '[1]', '{"sessionId":1}', 'x'.repeat(9999)]) {
    const tab = openTab(world, { get: () => text, set: () => {}, remove: () => {} })
    t.is(await tab.client.session(), null)
  }
})

test('wrong options → the client is not made', t => {
  const baseUrl = 'https://accounts.example.com'
  const wrong = [
    { baseUrl: 'accounts.example.com' },
    { baseUrl: 'ftp://accounts.example.com' },
    { baseUrl: 'https://user@accounts.example.com' },
    { baseUrl, origins: ['https://api.example.com/path'] },
    { baseUrl, origins: ['*'] },
    { baseUrl, transport: 'header' },
    { baseUrl, storage: 'sessionStorage' },
    { baseUrl, storage: { get: () => null } },
    { baseUrl, transport: 'cookie', storage: 'localStorage' },
  ]
  for (const options of wrong)
    t.throws(() => createClient(options as Parameters<typeof createClient>[0]), { instanceOf: TypeError })
})
