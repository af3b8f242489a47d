/** The part of `fetch` that the guard uses. */
export type Fetch = (
  url: string,
  init: { headers: Record<string, string>; redirect: 'manual'; signal: AbortSignal },
) => Promise<Response>

const loopback = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * An address in the spelling of `iss` and `aud`, as Latchkey reads `PUBLIC_URL` and `AUDIENCES`: a lower-case host, and no
 * default port and no slash at the end. Null for what is not such an address.
 */
export const canonicalUrl = (text: string): string | null => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    return null
  return (url.origin + url.pathname).replace(/\/+$/, '')
}

/**
 * The address of an issuer. Throws unless it is https: an attacker between a service and its issuer could otherwise publish
 * keys of their own. Plain http is allowed to this machine, and where nothing is fetched.
 */
export const issuerUrl = (issuer: string, isOffline: boolean): string => {
  const address = canonicalUrl(issuer)
  const url = address === null ? null : new URL(address)
  const isSafe = url?.protocol === 'https:' || isOffline || loopback.test(url?.hostname ?? '')
  if (address === null || !isSafe)
    throw new TypeError('issuer must be the https address of Latchkey (its PUBLIC_URL)')
  return address
}

const tooLarge = (url: string, limit: number): Error => new Error(`${url} sends more than ${limit} bytes`)

const readText = async (url: string, reply: Response, limit: number): Promise<string> => {
  if (Number(reply.headers.get('content-length')) > limit) throw tooLarge(url, limit)
  const reader = reply.body?.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let [text, size] = ['', 0]
  for (let chunk = await reader?.read(); chunk?.value; chunk = await reader?.read()) {
    size += chunk.value.length
    if (size > limit) {
      await reader?.cancel()
      throw tooLarge(url, limit)
    }
    text += decoder.decode(chunk.value, { stream: true })
  }
  return text + decoder.decode()
}

/** Reads a page of the issuer: no redirects, a limit of bytes, and a time for the whole reply. */
export const fetchIssuer = async (
  url: string,
  { fetch, accept, limit, timeoutMs }: { fetch: Fetch; accept: string; limit: number; timeoutMs: number },
): Promise<{ text: string; headers: Headers }> => {
  const signal = AbortSignal.timeout(timeoutMs)
  // `manual`, since some edge runtimes do not know `error`. A redirect then has a status that is not 200.
  const reply = await fetch(url, { headers: { accept }, redirect: 'manual', signal })
  if (reply.status !== 200 || reply.redirected) {
    await reply.body?.cancel()
    throw new Error(`${url} replies with status ${reply.status}`)
  }
  return { text: await readText(url, reply, limit), headers: reply.headers }
}
