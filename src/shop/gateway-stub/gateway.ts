import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { refuseForeign } from '../../platform/http/own-pages-only.ts'
import { type Body, itemOf, type LocalCheckout, page, view } from './local-checkout.ts'
import { type SampleType, sampleEvent, signedHeaders } from './sample-events.ts'

// Stands in for the payment gateway on this machine, as it documents itself: checkouts that are created and read with its
// two keys, a page where one is paid, and a signed event of it. No money moves.

type Wish = {
  /** Both keys, and the secret that events are signed with. */
  keys: { publicKey: string; secretKey: string; webhookSecret: string }
  /** Where events go. None go anywhere without: as with the test keys of the gateway. */
  webhookUrl: string | null
}

export type { LocalCheckout }

export type LocalGateway = { server: Server; checkouts: Map<string, LocalCheckout> }

const isOver = ({ expires_at }: Body): boolean =>
  expires_at !== undefined && Date.parse(expires_at) < Date.now()

/** Serves checkouts at any port; `listen` is for the caller. */
export const createLocalGateway = ({ keys, webhookUrl }: Wish): LocalGateway => {
  const checkouts = new Map<string, LocalCheckout>()

  const tell = async (type: SampleType, checkout: LocalCheckout): Promise<number | null> => {
    if (!webhookUrl) return null
    const { amount, currency } = itemOf(checkout)
    const { id: checkoutId, paymentId, metadata } = checkout
    const about = { checkoutId, paymentId, amount, currency, purchaseId: metadata?.purchase_id ?? '' }
    const body = sampleEvent(type, { ...about, email: 'buyer@example.com' })
    const sent = await fetch(webhookUrl, {
      method: 'POST',
      body,
      headers: signedHeaders(keys.webhookSecret, body),
    })
    return sent.status
  }

  const create = async (request: IncomingMessage) => {
    const body = (await json(request)) as Body
    const { name, currency, amount } = itemOf(body)
    if (!name || !/^(?:GTQ|USD)$/.test(currency) || !Number.isSafeInteger(amount) || amount < 1)
      return { status: 422, body: { error: 'items' } }
    const id = `ch_${randomBytes(8).toString('hex')}`
    checkouts.set(id, { ...body, id, status: 'unpaid', paymentId: `pa_${randomBytes(6).toString('hex')}` })
    return {
      status: 201,
      body: { id, checkout_url: `http://${request.headers.host}/checkout-session/${id}` },
    }
  }

  const pay = async (checkout: LocalCheckout) => {
    if (checkout.status === 'paid' || isOver(checkout)) return { status: 422, body: { error: 'closed' } }
    checkout.status = 'paid'
    const webhook = await tell('payment_intent.succeeded', checkout).catch(() => 0)
    return { status: 200, body: { status: 'paid', webhook } }
  }

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const [, place = '', id = '', act = ''] =
      /^(\/api\/checkouts|\/checkout-session)\/?(\w*)\/?(\w*)$/.exec(request.url ?? '') ?? []
    const checkout = checkouts.get(id)
    if (place === '/checkout-session') {
      if (!checkout) return { status: 404, body: { error: 'not found' } }
      return request.method === 'POST' && act === 'pay'
        ? pay(checkout)
        : { status: 200, body: page(checkout) }
    }
    const { 'x-public-key': publicKey, 'x-secret-key': secretKey } = request.headers
    if (publicKey !== keys.publicKey || secretKey !== keys.secretKey)
      return { status: 401, body: { error: 'keys' } }
    if (place && !id && request.method === 'POST') return create(request)
    return checkout ? { status: 200, body: view(checkout) } : { status: 404, body: { error: 'not found' } }
  }

  const send = (reply: ServerResponse, { status, body }: { status: number; body: unknown }) =>
    typeof body === 'string'
      ? reply.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' }).end(body)
      : reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

  const server = createServer((request, reply) => {
    if (refuseForeign(request, reply)) return
    answer(request).then(
      told => send(reply, told),
      () => send(reply, { status: 400, body: { error: 'not understood' } }),
    )
  })
  return { server, checkouts }
}
