type Fetch = typeof globalThis.fetch

/** A request that the client sent. */
export type Sent = { method: string; path: string; authorization: string | null; body: unknown }

type Hook = (sent: Sent, send: () => Promise<Response>) => Promise<Response> | null

/** The global `fetch` with a record of each request. The hook may answer a request itself or delay it. */
export type RecordingFetch = {
  fetch: Fetch
  sent: Sent[]
  /** The requests to this path, below `/api/v1/auth/`. */
  to: (path: string) => Sent[]
  hook: Hook | null
}

export const recordingFetch = (): RecordingFetch => {
  const sent: Sent[] = []
  const recording: RecordingFetch = {
    sent,
    to: path => sent.filter(each => each.path === `/api/v1/auth/${path}`),
    hook: null,
    fetch: (input, init) => {
      const headers = new Headers(init?.headers)
      const url = new URL(input instanceof Request ? input.url : input)
      const each: Sent = {
        method: init?.method ?? (input instanceof Request ? input.method : 'GET'),
        path: url.pathname,
        authorization: headers.get('authorization'),
        body: init?.body,
      }
      sent.push(each)
      const send = () => fetch(input, init)
      return recording.hook?.(each, send) ?? send()
    },
  }
  return recording
}

/** A problem reply of any service. */
export const problemReply = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  Response.json(
    { type: '/problems/x', title: 'A title', status, code, request_id: 'request-1' },
    { status, headers: { 'content-type': 'application/problem+json', ...headers } },
  )
