import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { listedAudience } from '../../platform/config/audiences.ts'

/**
 * The audience of the access token that a client asks for: the one that it names, or `PUBLIC_URL`. Call it before anything
 * else, so that a wrong audience uses up no password attempt and no refresh token. A session does not remember it: each
 * request names its own (RFC 8707, section 2.2).
 */
export const resolveAudience = (
  { config }: Pick<Deps, 'config'>,
  requested: string | undefined,
): string | Problem<'VALIDATION_ERROR'> => {
  const audience = listedAudience(config, requested)
  if (audience !== null) return audience
  const message =
    'This must be the address of Latchkey, or of a service that Latchkey is configured to issue tokens for (`AUDIENCES`).'
  return new Problem('VALIDATION_ERROR', { errors: [{ path: 'audience', rule: 'audience', message }] })
}
