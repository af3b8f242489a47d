import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openShop } from './shop.ts'

const shop = await openShop({ env: { RATE_LIMITS: 'register=100/15m,login=100/15m' } })
const { client } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

test.serial('an address begins five purchases in half an hour; the sixth reserves nothing', async t => {
  const [slugs, { access }] = [
    await Promise.all(Array.from({ length: 6 }, () => shop.aSite())),
    await anAccount(client),
  ]
  const buy = (slug: string) =>
    client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada' })
  for (const [i, slug] of slugs.slice(0, 5).entries()) {
    const { status, headers } = await buy(slug)
    t.is(status, 201)
    t.is(headers.get('ratelimit-policy'), '"purchase";q=5;w=1800')
    t.regex(headers.get('ratelimit') ?? '', new RegExp(`^"purchase";r=${4 - i};t=`))
  }
  const last = slugs[5] ?? ''
  const asked = shop.gateway.checkouts.size
  // Whoever is signed in is counted by address as well: accounts cost nothing.
  const signedIn = await client.post(`/api/v1/sites/${last}/purchase`, {}, { token: access })
  for (const refused of [await buy(last), signedIn]) {
    t.is(`${refused.status} ${refused.body.code}`, '429 RATE_LIMIT_EXCEEDED')
    t.true(Number(refused.headers.get('retry-after')) > 0)
  }
  t.deepEqual(await shop.siteOf(last), { status: 'available', held_by: null })
  t.is(shop.gateway.checkouts.size, asked)
  t.is((await client.get(`/api/v1/sites/${last}`)).status, 200, 'sites are shown all the same')
})
