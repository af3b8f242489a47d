import type { Theme } from '../theme/theme.ts'

/** The top of a page: the logo of the brand, or its name. */
export const brandHeader = ({ brand }: Theme): string => {
  const logo = '<img src="{{logo}}" alt="{{brand}}" dir="{{brand_dir}}" height="40">'
  return `<p class="brand">${brand.logoUrl ? logo : '<bdi>{{brand}}</bdi>'}</p>`
}
