const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const shape = /^([1-9]\d{0,8})(ms|s|m|h|d)$/

/** Parses a duration such as `15m`, `7d` or `500ms`. Returns milliseconds, or null if the text is not a duration. */
export const parseDuration = (text: string): number | null => {
  const [, amount, unit] = shape.exec(text) ?? []
  return amount && unit ? Number(amount) * units[unit as keyof typeof units] : null
}
