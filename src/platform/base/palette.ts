// The colors of emails and pages, derived from the color of the brand. Contrast is defined by WCAG 2.2.

/** Colors as `#rrggbb`. `fill` is a button, `on_fill` its text, `edge` its border, `accent` is text on the card. */
export type Palette = {
  readonly [C in
    | 'fill'
    | 'on_fill'
    | 'edge'
    | 'accent'
    | `dark_${'fill' | 'on_fill' | 'edge' | 'accent'}`]: string
}

type Rgb = readonly [number, number, number]

const white: Rgb = [255, 255, 255]
const black: Rgb = [0, 0, 0]
/** The backgrounds with the least contrast: `--page` in light mode, `--card` in dark mode. */
const lightGround: Rgb = [0xf3, 0xf4, 0xf2]
const darkGround: Rgb = [0x1f, 0x25, 0x29]

/** WCAG 2.2, 1.4.3 and 1.4.11. */
const readable = 4.5
const visible = 3

const parse = (color: string): Rgb => {
  const digits = color.length === 4 ? color.replace(/[^#]/g, '$&$&') : color
  const channel = (at: number) => Number.parseInt(digits.slice(at, at + 2), 16)
  return [channel(1), channel(3), channel(5)]
}

const hex = (color: Rgb): string =>
  `#${color.map(channel => Math.round(channel).toString(16).padStart(2, '0')).join('')}`

const luminance = (color: Rgb): number => {
  const [r = 0, g = 0, b = 0] = color.map(channel => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

const contrastOf = (one: Rgb, other: Rgb): number => {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

/** The contrast of two colors, from 1 to 21. */
export const contrast = (one: string, other: string): number => contrastOf(parse(one), parse(other))

const mix = ([r, g, b]: Rgb, [r2, g2, b2]: Rgb, share: number): Rgb => [
  r + (r2 - r) * share,
  g + (g2 - g) * share,
  b + (b2 - b) * share,
]

/** Mixes the color with as little of `towards` as text needs to be readable on the ground. */
const readableOn = (ground: Rgb, color: Rgb, towards: Rgb): Rgb => {
  for (let share = 0; share < 1; share += 0.02) {
    const mixed = parse(hex(mix(color, towards, share)))
    if (contrastOf(mixed, ground) >= readable) return mixed
  }
  return towards
}

const onGround = (color: Rgb, ground: Rgb, towards: Rgb) => {
  const accent = readableOn(ground, color, towards)
  return {
    fill: hex(color),
    on_fill: hex(contrastOf(color, white) > contrastOf(color, black) ? white : black),
    // A pale button on a white card needs a border to be visible. Its fill stays the color of the brand.
    edge: hex(contrastOf(color, ground) >= visible ? color : accent),
    accent: hex(accent),
  }
}

/** The palette of a color, `#rgb` or `#rrggbb`. `dark` is the color for dark mode, by default the same. */
export const paletteOf = (color: string, dark: string = color): Palette => {
  const darkMode = onGround(parse(dark), darkGround, white)
  return {
    ...onGround(parse(color), lightGround, black),
    dark_fill: darkMode.fill,
    dark_on_fill: darkMode.on_fill,
    dark_edge: darkMode.edge,
    dark_accent: darkMode.accent,
  }
}
