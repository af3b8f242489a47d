/** A program that calls Latchkey or another service with its own id and secret, instead of a user's session. */
export type Client = {
  /** `lkc_…`. It is not secret: it is in every token of the client. */
  id: string
  name: string
  scopes: string[]
  created_at: Date
  /** To the minute. */
  last_used_at: Date | null
  revoked_at: Date | null
}

/** A live secret of a client, as lists show it: the beginning of its text. */
export type ClientSecret = { client_id: string; prefix: string; hash: string; created_at: Date }

/** An authenticated machine client. `scopes` are those of its token, if it sent one. */
export type Machine = { id: string; name: string; scopes: readonly string[] }

/** How many secrets a client may have at a time: the one in use, and the one that replaces it. */
export const maxSecrets = 2
