import type { Message } from './channel.ts'
import { grantOf, isNewer, marginOf, remainingOf } from './grant.ts'
import type { Settings } from './options.ts'
import { alone, openPeers, type Peers } from './peers.ts'
import type { Refresher } from './refresher.ts'
import type { State } from './state-type.ts'
import { storageKey } from './storage.ts'

const ignore = (): void => {}

/** Connects the session of this page with that of other tabs. A session in memory is of one page alone. */
export const joinPeers = (settings: Settings, state: State, refresher: () => Refresher): Peers => {
  const { isCookie, storage, baseUrl } = settings
  if (!isCookie && storage === 'memory') return alone

  const answer = (): void => {
    const held = state.held()
    if (refresher().isExchanging()) peers.send({ type: 'refreshing' })
    else if (held && remainingOf(held) > marginOf(held)) peers.send({ type: 'answer', grant: grantOf(held) })
  }

  const receiveByCookie = (message: Message): void => {
    const held = state.held()
    if (message.type === 'wanted') answer()
    if (message.type === 'ended' && held?.sessionId === message.sessionId) state.adopt(null)
    if ((message.type !== 'changed' && message.type !== 'answer') || !message.grant) return
    if (message.type === 'answer' && held && !isNewer(message.grant, held)) return
    // A frozen tab gets the messages of minutes at once.
    const isOld = held?.sessionId === message.grant.sessionId && message.grant.receivedAt < held.receivedAt
    if (!isOld) state.adopt(message.grant)
  }

  // The tokens are in the storage, and the messages only say that they changed.
  const receiveByStorage = (message: Message): void => {
    if (message.type === 'changed') void state.sync().catch(ignore)
    if (message.type === 'ended') void state.leave(message.sessionId).catch(ignore)
  }
  // `localStorage` of another tab arrives later than its message, sometimes: then this event does.
  const onStorage = (event: Event): void => {
    const { key } = event as Event & { key?: string | null }
    if (key === null || key === storageKey(baseUrl)) void state.sync().catch(ignore)
  }

  const repair = (): void => {
    const held = state.held()
    if (held) void refresher().renew(held).catch(ignore)
  }

  const kind = isCookie ? 'cookie' : 'storage'
  const peers = openPeers(
    `latchkey ${kind} ${baseUrl}`,
    isCookie ? receiveByCookie : receiveByStorage,
    repair,
  )

  // A page that comes back from the back-forward cache has missed the messages.
  const onShow = (event: Event): void => {
    const held = state.held()
    if (!(event as Event & { persisted?: boolean }).persisted) return
    if (isCookie && held) void refresher().renew(held).catch(ignore)
    if (!isCookie) void state.sync().catch(ignore)
  }
  const page = globalThis as Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>
  page.addEventListener?.('pageshow', onShow)
  if (storage === 'localStorage') page.addEventListener?.('storage', onStorage)
  return {
    ...peers,
    close: () => {
      page.removeEventListener?.('pageshow', onShow)
      page.removeEventListener?.('storage', onStorage)
      peers.close()
    },
  }
}
