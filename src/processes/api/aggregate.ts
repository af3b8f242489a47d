import { addLasting, lasting, sumContentType, sumText } from '../../platform/metrics/aggregate.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import type { Child } from './child.ts'

/** How long a process may take to say what it has counted, in milliseconds: it asks Postgres, which may hang. */
const timeoutMs = 4500

/** The metrics of all processes as one. */
export const openSum = (crew: ReadonlySet<Child>) => {
  let ended: Promise<Report> = Promise.resolve([])
  const heardOf = async (child: Child) => {
    const report = (await child.ask(timeoutMs)) ?? lasting(child.lastReport())
    return { number: child.number, report }
  }
  return {
    contentType: sumContentType,
    text: async (): Promise<string> => {
      // Seen at one moment, so that whoever ends meanwhile is counted once.
      const [living, gone] = [[...crew], ended]
      return sumText(await Promise.all(living.map(heardOf)), await gone)
    },
    /** Keeps what one that has ended has counted. Call it as soon as it leaves the crew. */
    keep: (child: Child): void => {
      ended = ended.then(sum => addLasting(sum, child.lastReport()))
    },
  }
}
