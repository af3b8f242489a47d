import type { Brand } from './brand.ts'
import { directionOf, type Values } from './fill.ts'

/** What the brand fills into the templates of emails and pages. */
export const brandValues = ({ name, logoUrl, supportEmail, address }: Brand): Values => {
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

/** Makes a link of the support address. It reads from left to right in every language. */
export const linkSupport = (html: string): string =>
  html.replaceAll('{{support_email}}', '<a href="{{support_link}}" dir="ltr">{{support_email}}</a>')
