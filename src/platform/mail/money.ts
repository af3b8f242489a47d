const shape = /^(\d{1,12}) ([A-Z]{3})$/

/** `12500 GTQ`, in minor units, as the reader writes money, in Latin digits. Empty where it is none. */
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
