const dayMs = 86_400_000
/** How many days are remembered: more than a busy service writes at the same time. */
const maxDays = 2000

const digits = (count: number, width: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => String(i).padStart(width, '0'))
const [sixties, thousands] = [digits(60, 2), digits(1000, 3)]

const dates = new Map<number, string>()

/** The date of a day with the `T` behind it. Throws for a day that `Date` does not know. */
const dateOf = (day: number): string => {
  const known = dates.get(day)
  if (known !== undefined) return known
  const date = new Date(day * dayMs).toISOString().slice(0, -13)
  if (dates.size >= maxDays) dates.clear()
  dates.set(day, date)
  return date
}

/**
 * The same text as `toISOString` of a date. Every log line and every user in a reply has some, and the engine makes each of
 * them in native code, which takes three times as long.
 */
export const isoTime = (time: number): string => {
  const day = Math.floor(time / dayMs)
  const ofDay = Math.floor(time - day * dayMs)
  const seconds = Math.floor(ofDay / 1000)
  const minutes = Math.floor(seconds / 60)
  const clock = `${sixties[Math.floor(minutes / 60)]}:${sixties[minutes % 60]}:${sixties[seconds % 60]}`
  return `${dateOf(day)}${clock}.${thousands[ofDay % 1000]}Z`
}
