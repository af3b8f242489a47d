// What depends on a secret of APP_SECRET, and until when.

/** `until` is when the last of them expires, in milliseconds; null for none, and for rows that do not expire. */
export type Count = { count: number; until: number | null }

export const none: Count = { count: 0, until: null }

export const addTo = ({ count, until }: Count, more: number, expires: number | null): Count => ({
  count: count + more,
  until: expires === null ? until : Math.max(until ?? 0, expires),
})

/** The kinds of things that end when a secret is dropped. */
export type Dependents = {
  /** Sessions whose current refresh token was made under it. */
  sessions: Count
  /** Links and codes of emails that can still be used. */
  links: Count
  /** Rows of Postgres that are sealed under it. */
  sealedRows: Count
  /** Sessions that have used up a refresh token of it. Not a reason to keep it, except to recognise the theft of such a token. */
  usedTokens: Count
}

export const noDependents: Dependents = { sessions: none, links: none, sealedRows: none, usedTokens: none }
