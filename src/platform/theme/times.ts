/** Formats times for readers of a language, in Latin digits: the IP address beside them has Latin digits too. */
export const timesIn = (locale: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat(`${locale}-u-nu-latn`, {
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: 'UTC',
    timeZoneName: 'short',
  })
