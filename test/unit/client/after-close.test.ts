import test from 'ava'
import { createClient } from '../../../packages/client/src/main.ts'
import { openPage, sessionReply } from './page.ts'

// An app that closes its client, for example when a component unmounts, and then uses it on.

test('client is closed and its token expires → it still refreshes, alone', async t => {
  using page = openPage()
  const client = createClient({
    baseUrl: 'https://accounts.example.com',
    transport: 'cookie',
    fetch: page.fetch,
  })
  page.reply = () => sessionReply({ life: 1 })
  await client.login({ email: 'ada@example.com', password: 'correct horse 9' })
  client.close()
  page.reply = () => sessionReply({ life: 900 })
  page.advance(2000)
  t.is((await client.session())?.userId, 'user')
  await client.logout()
  t.deepEqual(page.paths(), ['login', 'refresh', 'logout'])
})
