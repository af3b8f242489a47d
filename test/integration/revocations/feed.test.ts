import anyTest from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { readFeed } from './feed-reader.ts'

const test = anyTest.serial
const world = await openWorld()
const other = await world.instance()
const { client } = world
anyTest.after.always(() => world[Symbol.asyncDispose]())

test('logout → the session is in the feed of the other instance', async t => {
  const { access, sessionId } = await anAccount(client)
  const before = await readFeed(other.client)
  const news = readFeed(other.client, before.cursor)
  await client.post('logout', undefined, { token: access })
  t.deepEqual((await news).sessions, [sessionId])
})
