import type { RequestOptions } from '../webauthn/schemas.ts'
import type { Passkey } from './passkey-store.ts'

/** Names a passkey to a browser, and how to reach its authenticator. */
export const describePasskey = ({
  credential_id,
  transports,
}: Passkey): RequestOptions['allowCredentials'][number] => ({
  id: credential_id,
  type: 'public-key',
  ...(transports?.length && { transports }),
})
