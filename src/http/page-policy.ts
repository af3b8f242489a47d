import type { Config } from '../base/config.ts'
import { pageStyleHash } from './pages.ts'

/**
 * The policy of a hosted page: no script, no request, the one style sheet. A form that is posted here may be
 * redirected to the front end, and browsers check `form-action` there too.
 */
export const pagePolicy = ({ FRONTEND_URL }: Pick<Config, 'FRONTEND_URL'>): string =>
  [
    "default-src 'none'",
    `style-src '${pageStyleHash}'`,
    `form-action 'self'${FRONTEND_URL ? ` ${new URL(FRONTEND_URL).origin}` : ''}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
