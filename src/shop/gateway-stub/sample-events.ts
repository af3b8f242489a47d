import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'

// Events as the payment gateway documents them (https://docs.recurrente.com, "Webhooks"), and how it signs them. It does
// not document what it sends of a refund: this is the object of its API with the payment that was given back.

/** What an event is about. `amount` in minor units. */
export type Told = {
  checkoutId: string
  paymentId: string
  amount: number
  currency: string
  email: string
  purchaseId: string
}

type Sample = (told: Told) => object

const about = ({ amount, currency }: Told) => ({
  api_version: '2024-04-24',
  created_at: new Date().toISOString(),
  amount_in_cents: amount,
  currency,
})

const checkout = ({ checkoutId, purchaseId }: Told, status: string) => ({
  checkout: { id: checkoutId, status, transfer_setups: [], metadata: { purchase_id: purchaseId } },
})

const customer = ({ email }: Told) => ({ customer: { email, full_name: 'Ada Lovelace', id: 'us_sample' } })

const card: (status: string, failure: string | null) => Sample = (status, failure) => told => ({
  ...{ id: told.paymentId, failure_reason: failure, ...about(told), ...customer(told) },
  // Of a card that failed the gateway names the checkout and no more.
  ...(failure ? { checkout: { id: told.checkoutId } } : checkout(told, status)),
})

const transfer =
  (status: string): Sample =>
  told => ({ id: told.paymentId, ...about(told), customer: { id: 'us_sample' }, ...checkout(told, status) })

const samples = {
  'payment_intent.succeeded': card('paid', null),
  'payment_intent.failed': card('unpaid', 'The bank refused.'),
  'bank_transfer_intent.pending': transfer('payment_in_progress'),
  'bank_transfer_intent.succeeded': transfer('paid'),
  'bank_transfer_intent.failed': transfer('unpaid'),
  'refund.succeeded': told => ({
    ...{ id: 're_sample', status: 'succeeded', payment_intent_id: told.paymentId, currency: told.currency },
    ...{
      customer_refunded_amount_in_cents: told.amount,
      created_at: new Date().toISOString(),
      ...customer(told),
    },
  }),
} satisfies Record<string, Sample>

export type SampleType = keyof typeof samples
export const sampleTypes = Object.keys(samples) as SampleType[]

/** The body of an event. */
export const sampleEvent = (type: SampleType, told: Told): string =>
  JSON.stringify({ ...samples[type](told), event_type: type })

/** The headers that go with a body; a new id unless one is given. */
export const signedHeaders = (
  secret: string,
  body: string,
  id = `msg_${randomBytes(12).toString('hex')}`,
): Record<string, string> => {
  const time = new Date()
  return {
    'Content-Type': 'application/json',
    'svix-id': id,
    'svix-timestamp': String(Math.floor(time.getTime() / 1000)),
    'svix-signature': new Webhook(secret).sign(id, time, body),
  }
}
