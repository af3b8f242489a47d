import test from 'ava'
import { createClient } from '../../../packages/client/src/main.ts'
import { openPage, sessionReply } from './page.ts'

test('server with one localStorage for the process → two clients do not share a user', async t => {
  using page = openPage()
  const values = new Map<string, string>()
  const localStorage = {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => values.set(key, value),
    removeItem: (key: string) => values.delete(key),
  }
  Object.defineProperty(globalThis, 'localStorage', { value: localStorage, configurable: true })
  t.teardown(() => Reflect.deleteProperty(globalThis, 'localStorage'))
  page.reply = () => sessionReply({ refresh: 'first' })
  const open = () =>
    createClient({ baseUrl: 'https://accounts.example.com', storage: 'localStorage', fetch: page.fetch })
  const [ada, other] = [open(), open()]
  await ada.login({ email: 'ada@example.com', password: 'correct horse 9' })
  t.is(await other.session(), null)
  t.is((await ada.session())?.userId, 'user')
  t.is(values.size, 0)
})
