import { asGrant, type Grant } from './grant.ts'

export type Message =
  | { type: 'refreshing' | 'failed' | 'wanted' }
  | { type: 'repairing'; claim: number }
  | { type: 'changed'; grant: Grant | null }
  | { type: 'answer'; grant: Grant }
  | { type: 'ended'; sessionId: string }

type Channel = Pick<EventTarget, 'addEventListener'> & {
  postMessage: (message: unknown) => void
  close: () => void
}

/** Only pages and their workers: in Node a channel would connect the clients of different users. */
export const openChannel = (name: string): Channel | null => {
  const { BroadcastChannel, location, addEventListener } = globalThis as {
    BroadcastChannel?: new (name: string) => Channel
    location?: unknown
    addEventListener?: unknown
  }
  if (!BroadcastChannel || !location || !addEventListener) return null
  try {
    return new BroadcastChannel(name)
  } catch {
    return null
  }
}

/** Checks a message: any script of the origin may send one. */
export const asMessage = (data: unknown): Message | null => {
  const { type, grant, sessionId, claim } = (data ?? {}) as Record<string, unknown>
  if (type === 'refreshing' || type === 'failed' || type === 'wanted') return { type }
  if (type === 'repairing' && typeof claim === 'number') return { type, claim }
  const checked = asGrant(grant)
  if (type === 'changed') return { type, grant: checked }
  if (type === 'answer' && checked) return { type, grant: checked }
  if (type === 'ended' && typeof sessionId === 'string') return { type, sessionId }
  return null
}
