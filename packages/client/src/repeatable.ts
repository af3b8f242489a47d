// What the arguments of `fetch` say about a request.

export type Input = string | URL | Request

// Relative addresses are resolved here, and the result is sent, so that the checked address and the requested one are equal.
export const addressOf = (input: Input): URL => {
  if (typeof input === 'object' && 'url' in input) return new URL(input.url)
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } }
  return new URL(input, document?.baseURI ?? location?.href)
}

export const isRequest = (input: Input): input is Request => typeof input === 'object' && 'url' in input

/** A stream is consumed by the first attempt, so such a request is sent once. */
export const isRepeatable = (input: Input, body: unknown): boolean => {
  if (body === undefined || body === null) return !isRequest(input) || input.body === null
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}

// The service may have processed a request that it answers with 503. Repeating a POST or PATCH could act twice, unless its
// key tells the service that it is the same request.
export const isSafeToRetry = (method: string, headers: Headers): boolean =>
  /^(?:GET|HEAD|OPTIONS|PUT|DELETE)$/i.test(method) || headers.has('idempotency-key')
