import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { gauges } from '../../platform/catalog/metrics.ts'
import type { PublishedKey } from '../../platform/crypto/key-ring.ts'

/** Adds gauges of the signing keys, as this process knows them, to its metrics. */
export const addKeyGauges = ({
  metrics,
  ring,
  clock,
  config,
}: Pick<Deps, 'metrics' | 'ring' | 'clock' | 'config'>): void => {
  const signsSince = (): number => {
    const signing = ring.published().find(({ status }) => status === 'signing')
    if (!signing) throw new Error('no key signs')
    return signing.not_before.getTime()
  }
  const secondsSince = (time: number): number => Math.round((now(clock) - time) / 1000)
  metrics.gauge(gauges.signing_key_age_seconds, async () => secondsSince(signsSince()))
  metrics.gauge(gauges.signing_key_due_seconds, async () => {
    const next = nextKeyOf(ring.published())
    if (next) return -secondsSince(next.not_before.getTime())
    const rotation = config.SIGNING_KEY_ROTATION
    if (rotation === 'off') throw new Error('no rotation is planned')
    return -secondsSince(signsSince() + rotation)
  })
  metrics.gauge(gauges.signing_keys_unread_seconds, () => ring.unreadSeconds())
}

const nextKeyOf = (keys: readonly PublishedKey[]): PublishedKey | undefined =>
  keys
    .filter(({ status }) => status === 'published')
    .toSorted((a, b) => a.not_before.getTime() - b.not_before.getTime())[0]
