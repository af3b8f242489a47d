// How the user of a session authenticated.

/**
 * A method of RFC 8176: password, one-time password, key in hardware, key that is synchronised in software, presence of the
 * user, multiple factors. `email` is a code sent to the mailbox.
 */
export type Amr = 'pwd' | 'otp' | 'hwk' | 'swk' | 'user' | 'mfa' | 'email'

/** The level of an authentication: `aal2` needs two different factors (NIST SP 800-63B). */
export type Acr = 'aal1' | 'aal2'

const possession: readonly Amr[] = ['otp', 'hwk', 'swk']

export const acrOf = (amr: readonly Amr[]): Acr => (amr.includes('mfa') ? 'aal2' : 'aal1')

/** The methods of an authentication in several steps. A password or mailbox together with a device makes two factors. */
export const combineAmr = (...steps: readonly (readonly Amr[])[]): Amr[] => {
  const all = new Set(steps.flat())
  if ((all.has('pwd') || all.has('email')) && possession.some(method => all.has(method))) all.add('mfa')
  return [...all]
}

export const writeAmr = (amr: readonly Amr[]): string => amr.join(' ')

/** Reads the methods of a session. One without them began before other methods than a password existed. */
export const readAmr = (text: string | null | undefined): Amr[] => (text || 'pwd').split(' ') as Amr[]
