/** A static file. `csp` is its `Content-Security-Policy`. */
export type Asset = { type: string; body: string | Buffer; csp?: string }

/** Assets by their path. Each is read at its first request. */
export type Assets = Readonly<Record<string, () => Asset | Promise<Asset>>>
