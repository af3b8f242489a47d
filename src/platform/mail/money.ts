const shape = /^(\d{1,12}) ([A-Z]{3})$/

/** Writes `12500 GTQ` (minor units) as readers of a language write money, in Latin digits. Empty if it is not an amount. */
export const moneyIn = (locale: string, text: string): string => {
  const [, minor, currency] = shape.exec(text) ?? []
  if (!minor || !currency) return ''
  const format = new Intl.NumberFormat(`${locale}-u-nu-latn`, {
    style: 'currency',
    currency,
    currencyDisplay: 'code',
  })
  return format.format(Number(minor) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}
