import { asMessage, type Message, openChannel } from './channel.ts'

// Tabs of one origin tell each other what they do. They need no lock: a refresh is repeatable, and a tab that is frozen or
// closed holds up no other. The messages only save refreshes and repair one that was cut off.
//
// No message carries a refresh token. With the transport `cookie` a message carries the access token: every script of the
// origin can ask the service for one anyway, and tabs with a token of their own would exchange the cookie at the same time.

export type Peers = {
  send: (message: Message) => void
  /** Whether another tab is refreshing. It is forgotten after two seconds. */
  isRefreshing: () => boolean
  /** Resolves when no other tab is refreshing, at the latest after two seconds. */
  idle: () => Promise<void>
  /** Asks other tabs for their access token and waits shortly for an answer, or for a refresh of another tab. */
  ask: () => Promise<void>
  close: () => void
}

const refreshTimeout = 2000
const answerTimeout = 60

type Receive = (message: Message) => void

/** A client that shares nothing with other tabs. */
export const alone: Peers = {
  send: () => {},
  isRefreshing: () => false,
  idle: async () => {},
  ask: async () => {},
  close: () => {},
}

/**
 * Connects to the other tabs. `receive` gets their messages. `repair` is called when a tab began a refresh and sent
 * no result: it may be closed, and the service may have replaced the refresh token.
 */
export const openPeers = (name: string, receive: Receive, repair: () => void): Peers => {
  const channel = openChannel(name)
  if (!channel) return alone
  const waiting = new Set<() => void>()
  let timer: ReturnType<typeof setTimeout> | undefined

  const settle = () => {
    clearTimeout(timer)
    timer = undefined
    for (const wake of [...waiting]) wake()
  }
  const settled = (milliseconds: number) =>
    new Promise<void>(resolve => {
      const wake = () => {
        clearTimeout(limit)
        waiting.delete(wake)
        resolve()
      }
      const limit = setTimeout(wake, milliseconds)
      waiting.add(wake)
    })

  channel.addEventListener('message', event => {
    const message = asMessage((event as MessageEvent).data)
    if (!message) return
    if (message.type === 'refreshing') {
      clearTimeout(timer)
      timer = setTimeout(() => {
        settle()
        repair()
      }, refreshTimeout)
    }
    receive(message)
    if (message.type === 'failed' || message.type === 'changed' || message.type === 'ended') settle()
  })

  const idle = async () => {
    if (timer !== undefined) await settled(refreshTimeout)
  }
  return {
    send: message => channel.postMessage(message),
    isRefreshing: () => timer !== undefined,
    idle,
    ask: async () => {
      channel.postMessage({ type: 'wanted' })
      if (timer === undefined) await settled(answerTimeout)
      await idle()
    },
    close: () => {
      clearTimeout(timer)
      channel.close()
    },
  }
}
