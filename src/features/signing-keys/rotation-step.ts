import { type KeyState, keyTimes } from './types.ts'

/** One step of a rotation. Each keeps the keys usable, so a crash between two steps does no harm. */
export type RotationStep =
  | { do: 'publish'; notBefore: Date }
  | { do: 'promote'; key: KeyState }
  | { do: 'retire'; key: KeyState }
  | { do: 'reschedule'; key: KeyState }

type At = { now: Date; rotation: number | 'off' }

/** Small corrections of a clock are ignored. */
const clockTolerance = 60_000

const later = (time: Date, milliseconds: number): Date => new Date(time.getTime() + milliseconds)
const earliest = (keys: readonly KeyState[]): KeyState | undefined =>
  keys.toSorted((a, b) => a.not_before.getTime() - b.not_before.getTime())[0]

// The clock of Postgres may have been ahead, perhaps by years, when a date was set. No date may be further ahead than
// a plan that is made now, as a key would otherwise wait or verify until then.
const corrected = (key: KeyState, now: Date): KeyState | null => {
  const latest = (time: Date, limit: Date): Date => (time > later(limit, clockTolerance) ? limit : time)
  const { status } = key
  const not_before =
    status === 'retiring'
      ? key.not_before
      : latest(key.not_before, status === 'published' ? later(now, keyTimes.lead) : now)
  const end = later(now, key.token_life * 1000 + keyTimes.afterLastToken)
  const not_after = status === 'retiring' ? latest(key.not_after ?? new Date(8.64e15), end) : key.not_after
  const isSame = not_before === key.not_before && not_after === key.not_after
  return isSame ? null : { ...key, not_before, not_after }
}

const nextKeyDate = (signing: KeyState, { now, rotation }: At): Date | null => {
  if (rotation === 'off') return null
  const lead = Math.min(keyTimes.lead, rotation)
  const due = later(signing.not_before, rotation)
  if (later(due, -lead) > now) return null
  // A worker that was off when the key was due still publishes the next one for the whole time.
  const soonest = later(now, lead)
  return due > soonest ? due : soonest
}

/** The next step of the rotation that is due; null if none is. `rotation` is `SIGNING_KEY_ROTATION`. */
export const rotationStep = (keys: readonly KeyState[], at: At): RotationStep | null => {
  const { now } = at
  const current = keys.filter(({ status }) => status !== 'retired')
  for (const each of current) {
    const key = corrected(each, now)
    if (key) return { do: 'reschedule', key }
  }
  const ended = current.find(
    ({ status, not_after }) => status === 'retiring' && not_after && not_after <= now,
  )
  if (ended) return { do: 'retire', key: ended }
  const next = earliest(current.filter(({ status }) => status === 'published'))
  const signing = current.find(({ status }) => status === 'signing')
  if (next && (!signing || next.not_before <= now)) return { do: 'promote', key: next }
  if (next) return null
  const notBefore = signing ? nextKeyDate(signing, at) : now
  return notBefore && { do: 'publish', notBefore }
}
