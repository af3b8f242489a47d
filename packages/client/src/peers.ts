import { asMessage, type Message, openChannel } from './channel.ts'

// Tabs of one origin tell each other what they do. They need no lock: a refresh is repeatable, and a tab that is frozen or
// closed holds up no other. The messages only save refreshes and repair one that was cut off.
//
// No message carries a refresh token. With the transport `cookie` a message carries the access token: every script of the
// origin can ask the service for one anyway, and tabs with a token of their own would exchange the cookie at the same time.

export type Peers = {
  send: (message: Message) => void
  /** Whether another tab is refreshing. It is forgotten after a few seconds. */
  isRefreshing: () => boolean
  /** Resolves when no other tab is refreshing, at the latest after a few seconds. */
  idle: () => Promise<void>
  /** Asks other tabs for their access token and waits shortly for an answer, or for a refresh of another tab. */
  ask: () => Promise<void>
  close: () => void
}

const refreshTimeout = 2000
const answerTimeout = 60
// One tab repairs: its announcement holds the other tabs back. If all did so at once, they would exchange the token again.
const repairSpread = 2000
// Browsers let the timers of hidden tabs fire together, once a second. So each tab that is about to repair says so with a
// random number, and the lowest one repairs.
const claimTimeout = 200

type Receive = (message: Message) => void

/** A client that shares nothing with other tabs. */
export const alone: Peers = {
  send: () => {},
  isRefreshing: () => false,
  idle: async () => {},
  ask: async () => {},
  close: () => {},
}

/** Waits for something that may never happen. */
const openBell = () => {
  const waiting = new Set<() => void>()
  return {
    ring: () => {
      for (const wake of [...waiting]) wake()
    },
    wait: (milliseconds: number) =>
      new Promise<void>(resolve => {
        const wake = () => {
          clearTimeout(limit)
          waiting.delete(wake)
          resolve()
        }
        const limit = setTimeout(wake, milliseconds)
        waiting.add(wake)
      }),
  }
}

/**
 * Connects to the other tabs. `receive` gets their messages. `repair` is called when a tab began a refresh and sent
 * no result: it may be closed, and the service may have replaced the refresh token.
 */
export const openPeers = (name: string, receive: Receive, repair: () => void): Peers => {
  const channel = openChannel(name)
  if (!channel) return alone
  const [answer, result] = [openBell(), openBell()]
  let timer: ReturnType<typeof setTimeout> | undefined
  let claim: number | undefined
  let isClosed = false

  // A closed channel throws. The client lives on without it.
  const send = (message: Message): void => {
    if (!isClosed) channel.postMessage(message)
  }

  const settle = () => {
    clearTimeout(timer)
    timer = undefined
    claim = undefined
    answer.ring()
    result.ring()
  }

  /** Waits for the result of another tab, and repairs if it does not arrive. */
  const awaitResult = (): void => {
    clearTimeout(timer)
    claim = undefined
    timer = setTimeout(
      () => {
        claim = Math.random()
        send({ type: 'repairing', claim })
        timer = setTimeout(() => {
          settle()
          repair()
        }, claimTimeout)
      },
      refreshTimeout + Math.random() * repairSpread,
    )
  }

  channel.addEventListener('message', event => {
    const message = asMessage((event as MessageEvent).data)
    if (!message || isClosed) return
    if (message.type === 'refreshing') awaitResult()
    if (message.type === 'repairing' && (claim === undefined || message.claim < claim)) awaitResult()
    receive(message)
    if (message.type === 'answer') answer.ring()
    if (message.type === 'failed' || message.type === 'changed' || message.type === 'ended') settle()
  })

  const idle = async () => {
    if (timer !== undefined) await result.wait(refreshTimeout + repairSpread)
  }
  return {
    send,
    isRefreshing: () => timer !== undefined,
    idle,
    ask: async () => {
      if (isClosed) return
      send({ type: 'wanted' })
      if (timer === undefined) await answer.wait(answerTimeout)
      await idle()
    },
    close: () => {
      isClosed = true
      settle()
      channel.close()
    },
  }
}
