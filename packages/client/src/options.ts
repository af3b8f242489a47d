import type { ProblemError } from './problem-error.ts'

type Awaitable<T> = T | Promise<T>

/**
 * Where the tokens of a session are kept. Each method may be synchronous or return a promise. The value is a text that
 * holds secrets: keep it where only this app can read it.
 */
export type StorageAdapter = {
  get: (key: string) => Awaitable<string | null | undefined>
  set: (key: string, value: string) => Awaitable<unknown>
  remove: (key: string) => Awaitable<unknown>
}

export type ClientOptions = {
  /** The address of the service, such as `https://accounts.example.com`. */
  baseUrl: string
  /**
   * Where tokens are kept: `memory` (default, until the page closes), `localStorage` (every script of the page can read
   * it), or your own adapter. With the transport `cookie` it is always memory.
   */
  storage?: 'memory' | 'localStorage' | StorageAdapter | undefined
  /** `cookie`: the refresh token is in a cookie that no script can read. `body` (default): this client keeps it. */
  transport?: 'cookie' | 'body' | undefined
  /** More origins that `client.fetch` sends the access token to, such as `https://api.example.com`. */
  origins?: readonly string[] | undefined
  /**
   * Called when a request needs a recent sign-in, or a second factor (`problem.acrValues` is `aal2`): ask the user for the
   * password or a factor and call `client.reauthenticate`. The request is repeated then. Return `false` if the user cancels.
   */
  onReauthenticate?: ((problem: ProblemError) => Awaitable<unknown>) | undefined
  /**
   * Called when the service requires a second factor and the user has none: let the user set one up. The request is repeated
   * then. Return `false` if the user cancels.
   */
  onMfaEnrollment?: ((problem: ProblemError) => Awaitable<unknown>) | undefined
  /** Used in place of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined
}

/** The options, checked. */
export type Settings = {
  baseUrl: string
  baseOrigin: string
  trusted: ReadonlySet<string>
  isCookie: boolean
  storage: 'memory' | 'localStorage' | StorageAdapter
  onReauthenticate: ((problem: ProblemError) => Awaitable<unknown>) | undefined
  onMfaEnrollment: ((problem: ProblemError) => Awaitable<unknown>) | undefined
  fetch: typeof globalThis.fetch
}

const httpUrl = (text: string, option: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new TypeError(`${option}: "${text}" is not an http or https address without credentials and query`)
  return url
}

const originOf = (text: string): string => {
  const url = httpUrl(text, 'origins')
  if (url.pathname !== '/') throw new TypeError(`origins: "${text}" has a path: write only the origin`)
  return url.origin
}

const isAdapter = (storage: unknown): boolean =>
  typeof storage === 'object' &&
  storage !== null &&
  ['get', 'set', 'remove'].every(name => typeof (storage as Record<string, unknown>)[name] === 'function')

/** Checks the options, so that a mistake is found when the client is made. */
export const readOptions = (options: ClientOptions): Settings => {
  const { storage = 'memory', transport = 'body', origins = [], onReauthenticate, onMfaEnrollment } = options
  const base = httpUrl(options.baseUrl, 'baseUrl')
  if (transport !== 'cookie' && transport !== 'body')
    throw new TypeError('transport: write "cookie" or "body"')
  if (storage !== 'memory' && storage !== 'localStorage' && !isAdapter(storage))
    throw new TypeError('storage: write "memory", "localStorage" or an object with get, set and remove')
  if (transport === 'cookie' && storage !== 'memory')
    throw new TypeError('storage: with the transport "cookie" there is nothing to store')
  const given = options.fetch
  return {
    baseUrl: base.origin + base.pathname.replace(/\/+$/, ''),
    baseOrigin: base.origin,
    trusted: new Set([base.origin, ...origins.map(originOf)]),
    isCookie: transport === 'cookie',
    storage,
    onReauthenticate,
    onMfaEnrollment,
    // Looked up at each call: tracing libraries replace the global function later. A browser refuses it as a method.
    fetch: given ? (input, init) => given(input, init) : (input, init) => globalThis.fetch(input, init),
  }
}
