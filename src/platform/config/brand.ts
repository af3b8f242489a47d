import * as v from 'valibot'
import { longerThan, misleadingCharacter } from '../base/field-shapes.ts'
import * as field from '../base/fields.ts'
import { type Palette, paletteOf } from '../base/palette.ts'
import { folder, rule } from './variable-rules.ts'

// The brand in emails and pages: name, logo, color and addresses.

/** The brand of this deployment, shown in emails and pages. */
export type Brand = {
  readonly name: string
  readonly logoUrl: string | null
  readonly palette: Palette
  readonly supportEmail: string | null
  readonly address: string | null
}

/** The part of the configuration that a theme is opened from. */
export type ThemeConfig = { readonly brand: Brand; readonly TEMPLATES_DIR: string | undefined }

const invisible = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\u2800]/gu

// A segmenter loads data for 12 ms, which the default name does not need.
const lengthOf = (text: string): number =>
  /^[ -~]*$/.test(text)
    ? text.length
    : [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)].length

/** One line of at most `max` characters (grapheme clusters), of which at least one is visible. */
const visibleLine = (max: number) =>
  rule(`must be 1 to ${max} visible characters on one line`, text => {
    const value = text.trim().normalize('NFC')
    const hidden =
      !text.isWellFormed() || misleadingCharacter.test(text) || value.replace(invisible, '') === ''
    if (hidden || longerThan(8 * max, value)) return null
    return lengthOf(value) <= max ? value : null
  })

const parsedWith = (message: string, schema: v.GenericSchema<string, string>) =>
  rule(message, text => {
    const result = v.safeParse(schema, text)
    return result.success ? result.output : null
  })

/** The environment variables of the brand and of templates. */
export const themeVariables = {
  BRAND_NAME: {
    schema: visibleLine(64),
    default: 'Latchkey',
    help: 'The name of your product in emails and on pages.',
  },
  BRAND_LOGO_URL: {
    schema: parsedWith('must be an https address without credentials', field.httpsUrl),
    example: 'https://www.example.com/logo.png',
    help: 'A logo that replaces the name at the top of emails and pages. It is shown 40 px high, and its alternative text is `BRAND_NAME`. Choose a PNG that reads well on white and on black: many email programs show no SVG.',
  },
  BRAND_COLOR: {
    schema: rule('must be a color such as #0f5f57 or #fc0', text =>
      /^#(?:[\da-f]{3}|[\da-f]{6})$/i.test(text) ? text.toLowerCase() : null,
    ),
    example: '#0f5f57',
    help: 'The color of buttons and links, as `#rgb` or `#rrggbb`. Text on it is black or white, whichever contrasts more. In a file of variables, put the color in quotes: without them `#` starts a comment.',
  },
  BRAND_SUPPORT_EMAIL: {
    schema: parsedWith('must be one email address', field.email),
    example: 'support@example.com',
    help: 'The address at which users get help. Shown at the end of emails and pages.',
  },
  BRAND_ADDRESS: {
    schema: visibleLine(200),
    example: 'Example Ltd, 1 High Road, Oxford',
    help: 'The postal address of your company. Shown at the end of emails and pages.',
  },
  TEMPLATES_DIR: {
    schema: folder,
    example: '/etc/latchkey/templates',
    help: 'A folder with templates and words of your own. A file such as `welcome.mjml` or `layout.txt` replaces the built-in file of the same name. Each word in `es/welcome.json` replaces the built-in word. A new folder adds a language. See `docs/branding.md`.',
  },
} as const

type Parsed = {
  BRAND_NAME: string
  BRAND_LOGO_URL?: string | undefined
  BRAND_COLOR?: string | undefined
  BRAND_SUPPORT_EMAIL?: string | undefined
  BRAND_ADDRESS?: string | undefined
}

/** The palette of a deployment without `BRAND_COLOR`. */
const standardPalette = paletteOf('#0f5f57', '#7fd8cb')

/** The brand of these variables, with the standard palette if no color is set. */
export const brandOf = (parsed: Parsed): Brand => ({
  name: parsed.BRAND_NAME,
  logoUrl: parsed.BRAND_LOGO_URL ?? null,
  palette: parsed.BRAND_COLOR ? paletteOf(parsed.BRAND_COLOR) : standardPalette,
  supportEmail: parsed.BRAND_SUPPORT_EMAIL ?? null,
  address: parsed.BRAND_ADDRESS ?? null,
})
