// The test layers, from fast to slow. A pass is one run of AVA over its files.

export type Pass = {
  /** Globs of test files. */
  files: string[]
  /** The tests need neither Postgres nor Redis. */
  alone?: boolean
  /** Runs over a Redis Cluster of three masters. */
  cluster?: boolean
  /** Some tests need Chromium: those of `test/browser`. */
  browser?: boolean
  /** How many files run at once. */
  atOnce?: number
}

const folder = (name: string): string => `test/${name}/**/*.test.ts`

const unit: Pass = { files: [folder('unit')], alone: true }
const quick: Pass = { files: ['unit', 'contract', 'house', 'integration'].map(folder) }
// These tests stop and freeze servers. With many files at once, a slow machine would look like a fault. But they
// mostly wait: three at once still leave a processor idle for a part of the time.
const fault: Pass = { files: [folder('fault')], atOnce: 3 }
// The longest of them, which mostly wait. `npm run test:fault` runs them. `test:all` does not, to end within minutes.
const longest = [
  'api.killed',
  'clock-skew',
  'mail/slow-server',
  'purchases/webhook.faults',
  'processes/open-ports',
  'processes/replacement',
].map(name => `!test/fault/${name}.test.ts`)
const browser: Pass = { files: [folder('browser')], browser: true, atOnce: 1 }
const cluster: Pass = { files: [folder('cluster')], atOnce: 2 }
// The features whose Redis scripts use several keys.
const featuresOverCluster: Pass = {
  files: [
    ...['lockout', 'revocations'].map(name => folder(`integration/${name}`)),
    ...[
      'sessions/refresh',
      'sessions/expiry-and-limit',
      'sessions/logout-and-revocation',
      'limits/limits',
    ].map(name => `test/integration/${name}.test.ts`),
  ],
  cluster: true,
}
// Those of them that take the least time, for `test:all`.
const shortestOverCluster: Pass = {
  files: [
    'lockout/locked-password',
    'lockout/device-that-presented-token',
    'revocations/feed',
    'sessions/refresh',
    'sessions/logout-and-revocation',
    'limits/limits',
  ].map(name => `test/integration/${name}.test.ts`),
  cluster: true,
}

/** The passes of `node test/run.ts <layer>`. The default layer is `quick`. */
export const layers: Readonly<Record<string, Pass[]>> = {
  unit: [unit],
  quick: [quick],
  fault: [fault],
  browser: [browser],
  cluster: [cluster, featuresOverCluster],
  all: [
    quick,
    // Tests in a browser mostly wait too, so they run in the same pass.
    { ...fault, browser: true, files: [...fault.files, ...cluster.files, ...browser.files, ...longest] },
    shortestOverCluster,
  ],
}
