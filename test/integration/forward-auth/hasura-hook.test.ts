import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { openClient } from '../../client.ts'
import { anAccount } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'

// The webhook of `examples/hasura`, in a process of its own.

const world = await openWorld()
const script = fileURLToPath(new URL('../../../examples/hasura/auth-hook.mjs', import.meta.url))

/** Starts the webhook in front of an instance of Latchkey. */
const openHook = (latchkey: string) =>
  onFreePort(undefined, async port => {
    const env = { ...process.env, LATCHKEY_URL: latchkey, PORT: String(port) }
    const child = spawn(process.execPath, [script], { env, stdio: 'ignore' })
    const end = () => void child.kill()
    process.once('exit', end)
    const client = openClient(`http://127.0.0.1:${port}`)
    await until('the webhook to listen', () =>
      client.get('/').then(
        () => true,
        () => false,
      ),
    )
    const close = async () => {
      process.off('exit', end)
      child.kill()
      await once(child, 'exit')
    }
    return { client, close }
  })

const hook = await openHook(world.url)
// Nothing listens on port 1.
const orphan = await openHook('http://127.0.0.1:1')
test.after.always(async () => {
  await Promise.all([hook.close(), orphan.close()])
  await world[Symbol.asyncDispose]()
})

test('a valid token → the session variables of Hasura, and never its role admin', async t => {
  const [ada, admin] = [await anAccount(world.client), await anAdmin(world)]
  const user = await hook.client.get('/', { token: ada.access, headers: { 'X-Hasura-Role': 'admin' } })
  t.deepEqual([user.status, user.body], [200, { 'X-Hasura-User-Id': ada.userId, 'X-Hasura-Role': 'user' }])
  t.is((await hook.client.get('/', { token: admin.access })).body['X-Hasura-Role'], 'manager')
})

test('no, forged or ended credentials → 401; Latchkey does not answer → 503', async t => {
  const ada = await anAccount(world.client)
  await world.client.post('logout', {}, { token: ada.access })
  for (const token of [undefined, 'v4.public.garbage', ada.refresh, ada.access])
    t.is((await hook.client.get('/', { token })).status, 401)
  t.is((await hook.client.get('/', { headers: { authorization: 'Basic YTpi' } })).status, 401)
  t.is((await orphan.client.get('/', { token: ada.access })).status, 503)
})
