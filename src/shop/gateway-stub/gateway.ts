import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { refuseForeign } from '../../platform/http/own-pages-only.ts'
import { type Body, itemOf, type LocalCheckout, page, view } from './local-checkout.ts'
import { type SampleType, sampleEvent, signedHeaders } from './sample-events.ts'

// A stub of the payment gateway for this machine, built from its documentation. It has an API for checkouts with two keys,
// and a page for each checkout with a button that pays it and sends a signed event. No money moves.

type Options = {
  /** Both API keys, and the secret that signs events. */
  keys: { publicKey: string; secretKey: string; webhookSecret: string }
  /** Where events are sent. Null sends none, like the test keys of the real gateway. */
  webhookUrl: string | null
}

export type { LocalCheckout }

export type LocalGateway = { server: Server; checkouts: Map<string, LocalCheckout> }

const isExpired = ({ expires_at }: Body): boolean =>
  expires_at !== undefined && Date.parse(expires_at) < Date.now()

/** Creates the stub. The caller calls `listen`. */
export const createLocalGateway = ({ keys, webhookUrl }: Options): LocalGateway => {
  const checkouts = new Map<string, LocalCheckout>()

  const sendEvent = async (type: SampleType, checkout: LocalCheckout): Promise<number | null> => {
    if (!webhookUrl) return null
    const { amount, currency } = itemOf(checkout)
    const { id: checkoutId, paymentId, metadata } = checkout
    const body = sampleEvent(type, {
      checkoutId,
      paymentId,
      amount,
      currency,
      purchaseId: metadata?.purchase_id ?? '',
      email: 'buyer@example.com',
    })
    const reply = await fetch(webhookUrl, {
      method: 'POST',
      body,
      headers: signedHeaders(keys.webhookSecret, body),
    })
    return reply.status
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
    if (checkout.status === 'paid' || isExpired(checkout)) return { status: 422, body: { error: 'closed' } }
    checkout.status = 'paid'
    const webhook = await sendEvent('payment_intent.succeeded', checkout).catch(() => 0)
    return { status: 200, body: { status: 'paid', webhook } }
  }

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const [, resource = '', id = '', action = ''] =
      /^(\/api\/checkouts|\/checkout-session)\/?(\w*)\/?(\w*)$/.exec(request.url ?? '') ?? []
    const checkout = checkouts.get(id)
    if (resource === '/checkout-session') {
      if (!checkout) return { status: 404, body: { error: 'not found' } }
      return request.method === 'POST' && action === 'pay'
        ? pay(checkout)
        : { status: 200, body: page(checkout) }
    }
    const { 'x-public-key': publicKey, 'x-secret-key': secretKey } = request.headers
    if (publicKey !== keys.publicKey || secretKey !== keys.secretKey)
      return { status: 401, body: { error: 'keys' } }
    if (resource && !id && request.method === 'POST') return create(request)
    return checkout ? { status: 200, body: view(checkout) } : { status: 404, body: { error: 'not found' } }
  }

  const send = (reply: ServerResponse, { status, body }: { status: number; body: unknown }) =>
    typeof body === 'string'
      ? reply.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' }).end(body)
      : reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

  const server = createServer((request, reply) => {
    if (refuseForeign(request, reply)) return
    answer(request).then(
      result => send(reply, result),
      () => send(reply, { status: 400, body: { error: 'not understood' } }),
    )
  })
  return { server, checkouts }
}
