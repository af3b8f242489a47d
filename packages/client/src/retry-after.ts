/**
 * The seconds of `Retry-After` (RFC 9110, 10.2.3). A date is compared with the clock of the server, because that of the
 * device may be wrong. Undefined without the header, or if it cannot be read.
 */
export const retryAfterOf = ({ headers }: Response): number | undefined => {
  const text = headers.get('retry-after')?.trim()
  if (!text) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const seconds = (Date.parse(text) - Date.parse(headers.get('date') ?? '')) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}
