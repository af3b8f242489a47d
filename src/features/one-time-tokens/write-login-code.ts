import type { Deps } from '../../deps.ts'
import type { EmailToken } from '../../platform/catalog/email-definition.ts'
import { emailSecrets, writeOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { keysOfSecret } from '../../platform/crypto/secrets.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { emailAge } from './email-age.ts'
import type { IssuedToken } from './issue-one-time-token.ts'

/**
 * Writes the token and the code of an email that signs a user in. Returns null if they would no longer work: the email is too
 * old, or its token was consumed.
 *
 * Redis stores neither: the client that requested the email holds a secret that names it. So several emails are valid at once,
 * and an attacker who requests another one does not replace the owner's.
 */
export const writeLoginCode = async (
  deps: Pick<Deps, 'clock' | 'database' | 'secrets'>,
  email: Email,
  { purpose, lifetime }: EmailToken,
  userId: string,
): Promise<IssuedToken | null> => {
  if (email.proof_spent_at || (await emailAge(deps, email)) >= lifetime) return null
  const { mail } = keysOfSecret(deps.secrets, email.secret_id) ?? deps.secrets.current
  const { secret, code } = emailSecrets(mail, purpose, email.id)
  return { token: writeOneTimeToken(userId, secret), code }
}
