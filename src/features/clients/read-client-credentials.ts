import { timesSent } from '../../platform/base/header-text.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/** The headers of a request, as Node reads them. */
type Head = { headers: { authorization?: string | undefined }; rawHeaders: readonly string[] }

/** The id and the secret that a client presents, not compared yet. */
export type Presented = { id: string; secret: string }

/** The parameters of a form that authenticate a client. */
export type ClientParameters = { client_id?: string; client_secret?: string }

const malformed = (path: string, message: string) =>
  new Problem('VALIDATION_ERROR', { errors: [{ path, rule: 'client', message }] })

// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined by a colon.
const decodeForm = (text: string): string | null => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

const readBasic = (encoded: string): Presented | null => {
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return null
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(bytes.toString('utf8'))?.map(decodeForm) ?? []
  return typeof id === 'string' && typeof secret === 'string' ? { id, secret } : null
}

/**
 * Reads the credentials of a client: by HTTP Basic (`client_secret_basic`) or in the form (`client_secret_post`), never
 * both. A form may repeat the id beside HTTP Basic, as some libraries do.
 */
export const readClientCredentials = (
  { headers: { authorization }, rawHeaders }: Head,
  { client_id, client_secret }: ClientParameters,
): Presented | Problem<'INVALID_CLIENT' | 'VALIDATION_ERROR'> => {
  if (authorization === undefined) {
    if (client_id === undefined || client_secret === undefined) return new Problem('INVALID_CLIENT')
    return { id: client_id, secret: client_secret }
  }
  if (timesSent(rawHeaders, 'authorization') > 1) return malformed('Authorization', 'This is sent twice.')
  const encoded = /^Basic +([A-Za-z0-9+/]*={0,2})$/i.exec(authorization)?.[1]
  if (encoded === undefined)
    return /^Basic\b/i.test(authorization)
      ? malformed('Authorization', 'This must be `Basic` and one text in base64.')
      : new Problem('INVALID_CLIENT')
  if (client_secret !== undefined)
    return malformed('client_secret', 'Send it in the form or by HTTP Basic, not both.')
  const presented = readBasic(encoded)
  if (!presented) return malformed('Authorization', 'This must be the form-encoded id, a colon, and secret.')
  if (client_id !== undefined && client_id !== presented.id)
    return malformed('client_id', 'This differs from the id of HTTP Basic.')
  return presented
}
