import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { reconcile } from '../../src/purchases/reconcile.ts'
import { openShop } from './shop.ts'

test('a gateway that hangs holds up no worker: a round asks about a few checkouts at once, and ends', async t => {
  await using shop = await openShop()
  const asked = { all: 0, now: 0, most: 0 }
  await using hanging = createServer((_, reply) => {
    asked.all++
    asked.most = Math.max(asked.most, ++asked.now)
    reply.on('close', () => asked.now--)
  })
  hanging.listen(0, '127.0.0.1')
  await once(hanging, 'listening')
  const { port } = hanging.address() as AddressInfo
  for (let i = 0; i < 25; i++) await shop.aPurchase()
  await shop.sql(`UPDATE purchases SET look_after = now()`)

  const config = { ...shop.deps.config, RECURRENTE_URL: `http://127.0.0.1:${port}` }
  t.is(await reconcile({ ...shop.deps, config }), 10)
  hanging.closeAllConnections()
  t.like(asked, { all: 10, most: 10 })
  t.is((await shop.sql(`SELECT FROM purchases WHERE look_after > now()`)).length, 10)
  t.is((await shop.sql(`SELECT FROM purchases WHERE status = 'pending'`)).length, 25)
})
