import type { Brand } from '../config/brand.ts'

// Parts of the layout that depend on the brand. Templates have no conditions, so the code chooses the parts.

const logo =
  '<img src="{{logo}}" alt="{{brand}}" dir="{{brand_dir}}" height="40" style="display:inline-block;vertical-align:top;height:40px;width:auto;max-width:100%;border:0">'

const muted = (line: string): string =>
  `<mj-text css-class="muted" mj-class="muted" font-size="13px" padding="8px 0 0">${line}</mj-text>`

/** The logo, or the name if there is no logo. */
export const headerOf = ({ logoUrl }: Brand): string => (logoUrl ? logo : '<bdi>{{brand}}</bdi>')

/** The lines below the footer: the support address and the postal address. */
export const contactOf = ({ supportEmail, address }: Brand): string => {
  const lines = [supportEmail ? '{{t.support}}' : '', address ? '<bdi>{{brand_address}}</bdi>' : '']
  return lines.filter(Boolean).map(muted).join('')
}

/** The last lines of the text part. */
export const signatureOf = ({ supportEmail, address }: Brand): string =>
  ['{{brand}}', ...(supportEmail ? ['{{t.support}}'] : []), ...(address ? ['{{brand_address}}'] : [])].join(
    '\n',
  )
