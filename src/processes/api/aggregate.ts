import {
  addCounters,
  aggregateContentType,
  aggregateText,
  countersOf,
} from '../../platform/metrics/aggregate.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import type { Child } from './child.ts'

/** How long a process may take to report its metrics. It queries Postgres, which may hang. */
const timeoutMs = 4500

/** The metrics of all processes, added up. */
export const openAggregate = (children: ReadonlySet<Child>) => {
  let endedTotal: Promise<Report> = Promise.resolve([])
  const reportOf = async (child: Child) => {
    const report = (await child.requestReport(timeoutMs)) ?? countersOf(child.lastReport())
    return { number: child.number, report }
  }
  return {
    contentType: aggregateContentType,
    text: async (): Promise<string> => {
      // Both are read at the same moment. A process that ends during the reports would otherwise be counted twice.
      const [running, ended] = [[...children], endedTotal]
      return aggregateText(await Promise.all(running.map(reportOf)), await ended)
    },
    /** Keeps the counters of a process that has ended. Call it when the process leaves `children`. */
    addEnded: (child: Child): void => {
      endedTotal = endedTotal.then(total => addCounters(total, child.lastReport()))
    },
  }
}
