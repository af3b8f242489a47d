import type { Listener } from './client-type.ts'
import type { Held } from './grant.ts'
import type { SessionEvent } from './state-type.ts'

type Events = {
  emit: (event: SessionEvent, held: Held | null) => void
  onChange: (listener: Listener) => () => void
}

/** The listeners of a client. */
export const openEvents = (): Events => {
  const listeners = new Set<{ listener: Listener }>()
  return {
    emit: (event, held) => {
      const info = held && { userId: held.userId, sessionId: held.sessionId }
      for (const { listener } of [...listeners]) {
        try {
          listener(event, info)
        } catch (error) {
          // An error of the app must not stop a refresh. It is reported as an uncaught one.
          queueMicrotask(() => {
            throw error
          })
        }
      }
    },
    onChange: listener => {
      const entry = { listener }
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
  }
}
