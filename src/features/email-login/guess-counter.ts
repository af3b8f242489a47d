import { emails } from '../../platform/catalog/emails.ts'
import { accountKey } from '../lockout/attempt-counter.ts'
import type { User } from '../users/types.ts'
import type { GuessCounter } from './store.ts'

type Guesser = { user: User | null; account: string; device: { id: string; isKnown: boolean } }

/**
 * The counter of guesses at the codes of an account. A known device has one of its own, so that an attacker who guesses from
 * elsewhere does not keep the owner from signing in. Not before the address is verified: an attacker who registered it could
 * make any number of devices known.
 *
 * It names no user id, because it may outlive an account that is erased meanwhile.
 */
export const guessCounter = ({ user, account, device }: Guesser): GuessCounter =>
  user?.email_verified && device.isKnown
    ? { owner: accountKey(user.id), name: `login:${device.id}` }
    : { owner: account, name: emails.login_code.token.purpose }
