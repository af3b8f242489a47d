import type { Brand } from '../config/brand.ts'
import { directionOf } from './template.ts'

/** The brand values for the templates of emails and pages. */
export const brandValues = ({
  name,
  logoUrl,
  supportEmail,
  address,
}: Brand): Record<(typeof brandNames)[number], string> => {
  const [local = '', domain = ''] = supportEmail?.split('@') ?? []
  return {
    brand: name,
    brand_dir: directionOf(name),
    logo: logoUrl ?? '',
    support_email: supportEmail ?? '',
    support_link: `mailto:${encodeURIComponent(local)}@${domain}`,
    brand_address: address ?? '',
  }
}

/** The names of these values. */
export const brandNames = [
  ...(['brand', 'brand_dir', 'logo', 'brand_address'] as const),
  ...(['support_email', 'support_link'] as const),
]

/** Turns the support address into a link. It is written from left to right in every language. */
export const linkSupport = (html: string): string =>
  html.replaceAll('{{support_email}}', '<a href="{{support_link}}" dir="ltr">{{support_email}}</a>')
