import { isIP } from 'node:net'
import type { Config } from './config.ts'

// What passkeys belong to: a domain (the relying party), and the pages that may ask for them.

type Variables = Pick<Config, 'PUBLIC_URL' | 'FRONTEND_URL' | 'WEBAUTHN_RP_ID' | 'WEBAUTHN_ORIGINS'>

const hostOf = (url: string): string => new URL(url).hostname

/** The domain that passkeys belong to. */
export const relyingPartyId = ({ WEBAUTHN_RP_ID, PUBLIC_URL }: Variables): string =>
  WEBAUTHN_RP_ID ?? hostOf(PUBLIC_URL)

/** The origins of the pages that may use passkeys, and of the apps. */
export const passkeyOrigins = ({ WEBAUTHN_ORIGINS, PUBLIC_URL, FRONTEND_URL }: Variables): string[] => {
  if (WEBAUTHN_ORIGINS.length > 0) return [...new Set(WEBAUTHN_ORIGINS)]
  const urls = FRONTEND_URL === undefined ? [PUBLIC_URL] : [PUBLIC_URL, FRONTEND_URL]
  return [...new Set(urls.map(url => new URL(url).origin))]
}

/** Whether browsers can use passkeys here. They refuse an IP address as the relying party. */
export const hasPasskeys = (config: Variables): boolean =>
  isIP(relyingPartyId(config).replace(/^\[|\]$/g, '')) === 0

const belongsTo = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`)

/**
 * What is wrong with the variables about passkeys taken together. A browser accepts a relying party only from a page of that
 * domain or of a subdomain, so one that fits no page makes every passkey fail.
 */
export const relyingPartyErrors = ({ WEBAUTHN_RP_ID: domain, ...config }: Partial<Variables>): string[] => {
  if (domain === undefined || config.PUBLIC_URL === undefined) return []
  if (!domain.includes('.') && domain !== 'localhost')
    return ['WEBAUTHN_RP_ID must be localhost or have at least one dot, such as example.com']
  const { PUBLIC_URL, FRONTEND_URL, WEBAUTHN_ORIGINS = [] } = config
  const origins = passkeyOrigins({ PUBLIC_URL, FRONTEND_URL, WEBAUTHN_ORIGINS, WEBAUTHN_RP_ID: domain })
  const isKnown = [PUBLIC_URL, ...origins].some(url => belongsTo(hostOf(url), domain))
  return isKnown
    ? []
    : ['WEBAUTHN_RP_ID must be the host of PUBLIC_URL or of one of WEBAUTHN_ORIGINS, or a domain above it']
}
