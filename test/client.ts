export type Reply = {
  status: number
  headers: Headers
  /** The parsed body where it is JSON. */
  body: ReturnType<typeof JSON.parse>
  text: string
}

type Options = {
  body?: unknown
  token?: string | undefined
  headers?: Record<string, string>
}

export type Client = {
  send: (method: string, path: string, options?: Options) => Promise<Reply>
  get: (path: string, options?: Options) => Promise<Reply>
  post: (path: string, body?: unknown, options?: Options) => Promise<Reply>
  patch: (path: string, body?: unknown, options?: Options) => Promise<Reply>
}

const isJson = (headers: Headers): boolean => /json/.test(headers.get('content-type') ?? '')

/** Speaks HTTP to one instance. Paths without a leading slash are below `/api/v1/auth/`. */
export const openClient = (url: string): Client => {
  const send = async (method: string, path: string, options: Options = {}): Promise<Reply> => {
    const { body, token, headers = {} } = options
    const reply = await fetch(url + (path.startsWith('/') ? path : `/api/v1/auth/${path}`), {
      method,
      redirect: 'manual',
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await reply.text()
    return {
      status: reply.status,
      headers: reply.headers,
      text,
      body: isJson(reply.headers) ? JSON.parse(text) : null,
    }
  }
  return {
    send,
    get: (path, options) => send('GET', path, options),
    post: (path, body, options) => send('POST', path, { body, ...options }),
    patch: (path, body, options) => send('PATCH', path, { body, ...options }),
  }
}
