import type { Deps } from '../../deps.ts'
import type { EmailToken } from '../../platform/catalog/email-definition.ts'
import { codeHash, emailSecrets, tokenHash, writeOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import { keysOfSecret } from '../../platform/crypto/secrets.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { emailAge } from './email-age.ts'
import { storeToken } from './store.ts'

export type IssuedToken = { token: string; code: string }

/**
 * Makes the token and the code of an email live. Their life counts from the creation of the email's row, not from this
 * attempt, and by the clock of Postgres, not of this machine. Returns null if the link would be dead already: the email is
 * too old, its token was consumed, or a newer email has replaced it.
 */
export const issueOneTimeToken = async (
  deps: Pick<Deps, 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>,
  email: Email,
  { purpose, lifetime }: EmailToken,
  recipient: { userId: string; address: string },
): Promise<IssuedToken | null> => {
  const life = lifetime - (await emailAge(deps, email))
  if (life <= 0 || email.proof_spent_at) return null
  const { mail } = keysOfSecret(deps.secrets, email.secret_id) ?? deps.secrets.current
  const { secret, code } = emailSecrets(mail, purpose, email.id)
  const isLive = await storeToken(
    deps,
    { userId: recipient.userId, purpose },
    {
      emailId: email.id,
      token: tokenHash(secret),
      code: codeHash(mail, recipient.userId, purpose, code),
      address: recipient.address,
      life,
    },
  )
  return isLive ? { token: writeOneTimeToken(recipient.userId, secret), code } : null
}
