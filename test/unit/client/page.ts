import { BroadcastChannel } from 'node:worker_threads'

// What a page gives to the client: a channel between tabs, and a clock that a test can move.

const base64url = (text: string) => Buffer.from(text).toString('base64url')

/** A reply with the tokens of a session. The client reads the claims of the access token, but not its signature. */
export const sessionReply = ({ life = 900, user = 'user', refresh = '' } = {}): Response => {
  const claims = JSON.stringify({ sub: user, iat: new Date(Date.now()).toISOString(), n: Math.random() })
  return Response.json({
    access_token: `v4.public.${base64url(claims + 'x'.repeat(64))}.kid`,
    ...(refresh && { refresh_token: refresh }),
    expires_in: life,
    session_id: 'session',
    user: { id: user },
  })
}

/** Makes this process look like a page until it is disposed. Requests get what `reply` returns. */
export const openPage = () => {
  const before = Object.getOwnPropertyDescriptors(globalThis)
  const names = ['BroadcastChannel', 'location', 'addEventListener', 'removeEventListener'] as const
  const page = new EventTarget()
  const channels: BroadcastChannel[] = []
  class Channel extends BroadcastChannel {
    constructor(name: string) {
      super(name)
      this.unref()
      channels.push(this)
    }
  }
  Object.assign(globalThis, {
    BroadcastChannel: Channel,
    location: { href: 'https://app.example.com/' },
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
  })
  const requests: { path: string; body: unknown }[] = []
  const now = Date.now
  let shift = 0
  Date.now = () => now() + shift
  const state = {
    reply: (): Response | Promise<Response> => new Response(null, { status: 204 }),
    requests,
    fetch: async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
      const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined
      requests.push({ path: new URL(String(input)).pathname, body })
      const aborted = new Promise<never>((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
      return Promise.race([state.reply(), aborted])
    },
    paths: () => requests.map(({ path }) => path.replace(/^.*\//, '')),
    /** Moves the clock of the device. */
    advance: (milliseconds: number) => {
      shift += milliseconds
    },
    [Symbol.dispose]: () => {
      Date.now = now
      for (const channel of channels) channel.close()
      for (const name of names) {
        const was = before[name]
        if (was) Object.defineProperty(globalThis, name, was)
        else Reflect.deleteProperty(globalThis, name)
      }
    },
  }
  return state
}
