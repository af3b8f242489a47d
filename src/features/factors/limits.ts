/** How many authenticator apps a user may have. */
export const maxTotpFactors = 5

/** How long the seed of an authenticator app waits for its first code, in milliseconds. */
export const pendingTotpLife = 600_000
