/** Writes times for people of a language. Latin digits in every language: the IP address beside them is written so too. */
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
