import type { Config } from '../config/config.ts'
import type { Theme } from '../theme/theme.ts'
import { pageStyle, sourceHash } from './page-style.ts'

const originOf = (url: string): string => new URL(url).origin

/**
 * The Content-Security-Policy of a hosted page. It allows no request except for the logo, the one style sheet, and at most
 * one script. The form may be redirected to the front end, and browsers check `form-action` for redirects too.
 */
export const pagePolicy = ({
  config,
  theme,
  script,
}: {
  config: Pick<Config, 'FRONTEND_URL'>
  theme: Theme
  script: string | null
}): string =>
  [
    "default-src 'none'",
    `style-src ${sourceHash(pageStyle(theme.brand))}`,
    ...(script ? [`script-src ${sourceHash(script)}`] : []),
    ...(theme.brand.logoUrl ? [`img-src ${originOf(theme.brand.logoUrl)}`] : []),
    `form-action 'self'${config.FRONTEND_URL ? ` ${originOf(config.FRONTEND_URL)}` : ''}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
