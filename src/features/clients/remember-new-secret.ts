import type { Deps } from '../../deps.ts'
import { secretHash } from '../../platform/crypto/client-secret.ts'
import { rememberSecret } from './store.ts'

/**
 * Makes a new secret a known one, so that its first use succeeds even while an attacker uses up the points of the client.
 * A failure is only logged, as the secret is already stored and works.
 */
export const rememberNewSecret = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  { clientId, secret }: { clientId: string; secret: string },
): Promise<void> =>
  rememberSecret(deps, clientId, secretHash(secret)).catch(err =>
    deps.log.warn({ err }, 'a new secret of a client is not known yet'),
  )
