import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'

// Sample events of the payment gateway, as it documents them (https://docs.recurrente.com, "Webhooks"), and their
// signatures. The event of a refund is not documented. The sample is the refund object of its API with the payment.

/** The checkout and payment that an event reports. `amount` is in minor units. */
export type EventSubject = {
  checkoutId: string
  paymentId: string
  amount: number
  currency: string
  email: string
  purchaseId: string
}

type Sample = (subject: EventSubject) => object

const payment = ({ amount, currency }: EventSubject) => ({
  api_version: '2024-04-24',
  created_at: new Date().toISOString(),
  amount_in_cents: amount,
  currency,
})

const checkout = ({ checkoutId, purchaseId }: EventSubject, status: string) => ({
  checkout: { id: checkoutId, status, transfer_setups: [], metadata: { purchase_id: purchaseId } },
})

const customer = ({ email }: EventSubject) => ({
  customer: { email, full_name: 'Ada Lovelace', id: 'us_sample' },
})

const card: (status: string, failure: string | null) => Sample = (status, failure) => subject => ({
  id: subject.paymentId,
  failure_reason: failure,
  ...payment(subject),
  ...customer(subject),
  // For a failed card payment the gateway sends only the id of the checkout.
  ...(failure ? { checkout: { id: subject.checkoutId } } : checkout(subject, status)),
})

const transfer =
  (status: string): Sample =>
  subject => ({
    id: subject.paymentId,
    ...payment(subject),
    customer: { id: 'us_sample' },
    ...checkout(subject, status),
  })

const samples = {
  'payment_intent.succeeded': card('paid', null),
  'payment_intent.failed': card('unpaid', 'The bank refused.'),
  'bank_transfer_intent.pending': transfer('payment_in_progress'),
  'bank_transfer_intent.succeeded': transfer('paid'),
  'bank_transfer_intent.failed': transfer('unpaid'),
  'refund.succeeded': subject => ({
    id: 're_sample',
    status: 'succeeded',
    payment_intent_id: subject.paymentId,
    currency: subject.currency,
    customer_refunded_amount_in_cents: subject.amount,
    created_at: new Date().toISOString(),
    ...customer(subject),
  }),
} satisfies Record<string, Sample>

export type SampleType = keyof typeof samples
export const sampleTypes = Object.keys(samples) as SampleType[]

/** The body of a sample event. */
export const sampleEvent = (type: SampleType, subject: EventSubject): string =>
  JSON.stringify({ ...samples[type](subject), event_type: type })

/** The headers of a signed body. The event gets a new id unless one is given. */
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
