import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../../platform/base/fields.ts'
import { baseUrl, parsedBy, rule } from '../../platform/config/variable-rules.ts'
import { shopConfig } from '../../shop/catalog/variables.ts'
import {
  type EventSubject,
  type SampleType,
  sampleEvent,
  sampleTypes,
  signedHeaders,
} from '../../shop/gateway-stub/sample-events.ts'
import { type Command, command, done, refused } from './command.ts'

const path = '/api/v1/webhooks/recurrente'

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

const url = rule('must be the address of a service on this machine, such as http://localhost:8000', text => {
  const base = parsedBy(baseUrl)(text)
  return base !== null && loopback.test(new URL(base).hostname) ? base : null
})

const sample: EventSubject = {
  checkoutId: 'ch_sample',
  paymentId: 'pa_sample',
  amount: 10_000,
  currency: 'GTQ',
  email: 'ada@example.com',
  purchaseId: '',
}

const send = command({
  name: 'webhooks send',
  summary: 'Send a sample event of the payment gateway to a service on this machine',
  description: `For development. The event is signed with RECURRENTE_WEBHOOK_SECRET, as the gateway does. Types: ${sampleTypes.join(', ')}.`,
  arguments: {
    type: {
      schema: v.pipe(
        v.string(),
        v.check(
          text => sampleTypes.some(type => type === text),
          'must be one of the types that --help lists',
        ),
      ),
      help: 'the type of the event',
    },
  },
  options: {
    purchase: { value: 'id', schema: field.uuid, help: 'the purchase that the event belongs to' },
    id: {
      value: 'id',
      schema: v.pipe(v.string(), v.regex(/^\w{1,100}$/, 'must be letters, digits and _')),
      help: 'the id of the event; repeat it to send a duplicate',
    },
    url: { value: 'url', schema: url, help: 'the address of the service (default PUBLIC_URL)' },
  },
  needs: 'database',
  run: async ({ config, database }, { arguments: { type }, options }) => {
    const [secret] = shopConfig(config).RECURRENTE_WEBHOOK_SECRET ?? []
    if (!secret) return refused('NOT_CONFIGURED', 'RECURRENTE_WEBHOOK_SECRET is not set.')
    const base = options.url ?? config.PUBLIC_URL
    if (!v.is(url, base))
      return refused(
        'NOT_LOCAL',
        'Sample events are sent only to a service on this machine. Set its address with --url.',
      )
    const subject = options.purchase ? await findSubject({ database }, options.purchase) : sample
    if (!subject) return refused('NOT_FOUND', 'There is no purchase with this id and a checkout.')
    const body = sampleEvent(type as SampleType, subject)
    const headers = signedHeaders(secret, body, options.id)
    // A redirect could send the event to another machine, so it is not followed.
    const signal = AbortSignal.timeout(20_000)
    const request = { method: 'POST', headers, body, redirect: 'manual', signal } as const
    const reply = await fetch(`${base}${path}`, request).catch(() => null)
    if (!reply) return refused('NOT_TAKEN', `No service answers at ${base}.`)
    const answer = { type, id: headers['svix-id'], status: reply.status }
    return reply.ok
      ? done(answer, `The service accepted the event: ${reply.status}.`)
      : refused('NOT_TAKEN', `The service answered ${reply.status}.`, answer)
  },
})

const findSubject = async (
  { database }: Pick<Deps, 'database'>,
  id: string,
): Promise<EventSubject | null> => {
  const [subject]: EventSubject[] = await database.query(
    `SELECT checkout_id AS "checkoutId", coalesce(payment_id, 'pa_' || left(checkout_id, 20)) AS "paymentId",
            amount, currency, coalesce(email, '') AS email, id AS "purchaseId"
       FROM purchases WHERE id = $1 AND checkout_id IS NOT NULL`,
    [id],
  )
  return subject ?? null
}

export const webhookCommands: Command[] = [send]
