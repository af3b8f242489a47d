import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createLocalGateway, type LocalCheckout } from '../../../src/shop/gateway-stub/gateway.ts'
import { type SampleType, sampleEvent, signedHeaders } from '../../../src/shop/gateway-stub/sample-events.ts'
import type { Client, Reply } from '../../client.ts'
import { anEmail } from '../../fixtures.ts'
import type { WorldOptions } from '../../local-world.ts'
import { openWorld, type World } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'

// A world with the shop and a payment gateway that behaves as the real one is documented. The gateway sends no webhooks
// automatically: tests send them.

export const webhookPath = '/api/v1/webhooks/recurrente'
export const secret = `whsec_${randomBytes(32).toString('base64')}`
export const price = 12_500

export type Purchase = {
  id: string
  checkoutId: string
  slug: string
  email: string
  checkoutUrl: string
  expiresAt: string
}

type Core = Pick<World, 'client' | 'sql'> & AsyncDisposable

export type Sales = {
  gateway: { url: string; checkouts: Map<string, LocalCheckout> }
  /** An administrator's access token. */
  admin: string
  /** Offers a site, and returns its slug. */
  aSite: (given?: Record<string, unknown>) => Promise<string>
  /** Starts a purchase, as a guest unless a token is given. Throws if that is rejected. */
  aPurchase: (given?: PurchaseOptions) => Promise<Purchase>
  /** Posts a text as a signed event, to the first instance unless `client` is given. */
  post: (body: string, more?: Pick<EventOptions, 'id' | 'client'>) => Promise<Reply>
  /** Posts a signed event of this type about a purchase. */
  sendEvent: (type: SampleType, purchase: Purchase, more?: EventOptions) => Promise<Reply>
  siteOf: (slug: string) => Promise<{ status: string; held_by: string | null }>
  rowOf: (id: string) => Promise<PurchaseRow>
  /** The kinds of all emails to an address, queued or sent, in alphabetical order. */
  emailKindsTo: (email: string) => Promise<string[]>
  /** The outcomes of events, by the gateway's ids. */
  outcomesOf: (ids: string[]) => Promise<string[]>
}

export type Shop = World & Sales

type PurchaseRow = Record<string, unknown> & {
  status: string
  issue: string | null
  user_id: string | null
  email: string | null
}

type PurchaseOptions = {
  slug?: string
  email?: string
  name?: string
  token?: string
  headers?: Record<string, string>
}

type EventOptions = { id?: string; client?: Client; amount?: number; currency?: string; paymentId?: string }

/** The body of an event about a purchase. */
export const eventOf = (type: SampleType, purchase: Purchase, more: EventOptions = {}): string => {
  const { amount = price, currency = 'GTQ', paymentId = `pa_${purchase.checkoutId}` } = more
  const about = { checkoutId: purchase.checkoutId, purchaseId: purchase.id, email: purchase.email }
  return sampleEvent(type, { ...about, amount, currency, paymentId })
}

/** Opens a gateway, and a world whose environment points to it. */
export const openWithGateway = async <W extends Core>(
  open: (env: Record<string, string>) => Promise<W>,
): Promise<W & Sales> => {
  await using opened = new AsyncDisposableStack()
  const keys = { publicKey: 'pk_test_0123456789', secretKey: 'sk_test_0123456789', webhookSecret: secret }
  const { server, checkouts } = createLocalGateway({ keys, webhookUrl: null })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const gatewayUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const world = await open({
    RECURRENTE_URL: `${gatewayUrl}/api`,
    RECURRENTE_PUBLIC_KEY: keys.publicKey,
    RECURRENTE_SECRET_KEY: keys.secretKey,
    RECURRENTE_WEBHOOK_SECRET: secret,
  })
  opened.use(world)
  const { client, sql } = world
  const { access: admin } = await anAdmin(world)

  const aSite = async (given: Record<string, unknown> = {}): Promise<string> => {
    const slug = `site-${randomBytes(6).toString('hex')}`
    const body = {
      slug,
      name: 'Corner bakery',
      description: 'Three pages.',
      price,
      currency: 'GTQ',
      ...given,
    }
    const reply = await client.post('/api/v1/admin/sites', body, { token: admin })
    if (reply.status !== 201) throw new Error(`no site: ${reply.text}`)
    return reply.body.slug
  }
  const aPurchase: Sales['aPurchase'] = async (given = {}) => {
    const { slug, email = anEmail(), name = 'Ada Lovelace', token, headers = {} } = given
    const site = slug ?? (await aSite())
    const body = token ? {} : { email, full_name: name }
    const reply = await client.post(`/api/v1/sites/${site}/purchase`, body, { token, headers })
    if (reply.status !== 201) throw new Error(`no purchase: ${reply.text}`)
    const { purchase_id: id, checkout_url: checkoutUrl, expires_at: expiresAt } = reply.body
    return { id, checkoutId: checkoutUrl.split('/').at(-1), slug: site, email, checkoutUrl, expiresAt }
  }
  const post: Sales['post'] = (body, more = {}) =>
    (more.client ?? client).post(webhookPath, body, { headers: signedHeaders(secret, body, more.id) })
  const sendEvent: Sales['sendEvent'] = (type, purchase, more) => post(eventOf(type, purchase, more), more)
  const one = async <Row extends object>(text: string, value: string): Promise<Row> => {
    const [row] = await sql<Row>(text, [value])
    if (!row) throw new Error('no such row')
    return row
  }
  const all: AsyncDisposableStack = opened.move()
  return {
    ...{ ...world, gateway: { url: gatewayUrl, checkouts }, admin, aSite, aPurchase, post, sendEvent },
    siteOf: slug => one('SELECT status, held_by FROM sites WHERE slug = $1', slug),
    rowOf: id => one('SELECT * FROM purchases WHERE id = $1', id),
    emailKindsTo: async email => {
      const kinds = 'SELECT kind FROM emails WHERE recipient = $1 ORDER BY kind'
      return (await sql<{ kind: string }>(kinds, [email])).map(({ kind }) => kind)
    },
    outcomesOf: async ids => {
      const outcomes = 'SELECT outcome FROM webhook_events WHERE id = ANY($1) ORDER BY outcome'
      return (await sql<{ outcome: string }>(outcomes, [ids])).map(({ outcome }) => outcome)
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Opens a world with the shop. */
export const openShop = ({ env = {}, ...options }: WorldOptions = {}): Promise<Shop> =>
  openWithGateway(gateway => openWorld({ ...options, env: { ...gateway, ...env } }))
