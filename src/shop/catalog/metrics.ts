import { counter } from '../../platform/catalog/metrics.ts'

/** The counters of the shop. */
export const shopCounters = {
  purchases: counter('purchases', 'Payment events, by outcome.', ['outcome']),
  gateway_failures: counter('gateway_failures', 'Calls to the payment gateway that failed.'),
}
