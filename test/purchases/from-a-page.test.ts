import test from 'ava'
import { anEmail } from '../make.ts'
import { openShop } from './shop.ts'

const origin = 'https://shop.example'
const shop = await openShop({ env: { CORS_ORIGINS: origin } })
test.after.always(() => shop[Symbol.asyncDispose]())

test('the script of a page may send the key of a request', async t => {
  const path = `/api/v1/sites/${await shop.aSite()}/purchase`
  const asks = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'idempotency-key',
  }
  const preflight = await shop.client.send('OPTIONS', path, { headers: { origin, ...asks } })
  t.is(preflight.headers.get('access-control-allow-origin'), origin)
  t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /(?:^|,)Idempotency-Key(?:,|$)/)
  const headers = { origin, 'idempotency-key': 'cart-1' }
  t.is((await shop.client.post(path, { email: anEmail(), full_name: 'Ada' }, { headers })).status, 201)
})
