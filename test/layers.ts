// The layers of the tests, from quick to slow. A pass is one run of AVA over its files.

export type Pass = {
  /** Globs of test files. */
  files: string[]
  /** Whether the tests need no Postgres and no Redis. */
  alone?: boolean
  /** Runs over a Redis Cluster of three masters. */
  cluster?: boolean
  /** How many files run at once. */
  atOnce?: number
}

const folder = (name: string): string => `test/${name}/**/*.test.ts`

const unit: Pass = { files: [folder('unit')], alone: true }
const quick: Pass = { files: ['unit', 'contract', 'house', 'integration'].map(folder) }
// They stop and freeze servers: many at once would take the slowness of the machine for a fault.
const fault: Pass = { files: [folder('fault')], atOnce: 2 }
const cluster: Pass[] = [
  { files: [folder('cluster')], atOnce: 2 },
  // The features that use scripts over several keys.
  { files: ['lockout', 'limits', 'sessions'].map(name => folder(`integration/${name}`)), cluster: true },
]

/** What `node test/run.ts <layer>` runs. Without a layer it is `quick`. */
export const layers: Readonly<Record<string, Pass[]>> = {
  unit: [unit],
  quick: [quick],
  fault: [fault],
  cluster,
  all: [quick, fault, ...cluster],
}
