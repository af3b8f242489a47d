/** Within this time after a rotation, the previous refresh token still gets the same successor. */
export const rotationGraceMs = 10_000

/** One more session ends the session that was unused for the longest time. */
export const maxSessions = 20
