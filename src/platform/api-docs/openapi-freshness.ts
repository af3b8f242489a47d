import type { Route } from '../http/route.ts'

const within = 'authenticated within `FRESH_FOR`'
const otherwise = 'otherwise `401 REAUTHENTICATION_REQUIRED`'

/** What a description says about the sessions that a route takes; null if it takes any. */
export const freshnessOf = ({ fresh }: Pick<Route, 'fresh'>): string | null => {
  if (!fresh) return null
  return fresh === true
    ? `Needs a session whose user ${within}, and with two factors if the user has a second one; ${otherwise}.`
    : `If the user has a second factor, it needs a session whose user ${within} with two factors; ${otherwise}.`
}
