import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { chart } from './compare/chart.ts'
import { measureGrowth } from './compare/growth.ts'
import { measureGuarded } from './compare/guarded.ts'
import { openLoad } from './compare/load.ts'
import { measureLogin, measureRegister } from './compare/login.ts'
import { load as loadOfMachine, machine, versions } from './compare/machine.ts'
import { measureMails } from './compare/mails.ts'
import { measureMe } from './compare/me.ts'
import { measureMix } from './compare/mix.ts'
import { measureProcesses } from './compare/processes.ts'
import { measureRefresh } from './compare/refresh.ts'
import { budgetTable, markdown, terminalTable } from './compare/report.ts'
import type { Run, Section } from './compare/run.ts'
import { measureStartup } from './compare/startup.ts'
import { measureSteady } from './compare/steady.ts'
import { openStores } from './compare/stores.ts'
import { names } from './compare/target.ts'
import { openTargets } from './compare/targets.ts'

// Measures what a request costs in this service and in others, and whether the performance budgets hold. Exits with 0 if
// everything could be measured, even if a budget does not hold.

const parts = {
  guarded: measureGuarded,
  me: measureMe,
  refresh: measureRefresh,
  login: measureLogin,
  steady: measureSteady,
  mails: measureMails,
  mix: measureMix,
  register: measureRegister,
  startup: measureStartup,
  processes: measureProcesses,
  growth: measureGrowth,
} satisfies Record<string, (run: Run) => Promise<Section>>

type Part = keyof typeof parts
const all = Object.keys(parts) as Part[]
/** Parts that measure only Latchkey. */
const latchkeyOnly: readonly Part[] = ['mails', 'processes', 'growth']
/** Parts that a quick run leaves out. */
const slow: readonly Part[] = ['register']
const isPart = (name: string): name is Part => name in parts

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
})
const { quick } = given
const only = given.only?.split(',') ?? all.filter(part => !(quick && slow.includes(part)))
const rounds = Number(given.rounds ?? (quick ? 2 : 5))
if (!only.every(isPart)) throw new Error(`--only takes some of ${all.join(', ')}`)
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds must be a whole number above 0')

let failed = false
const notMeasured = (part: Part, reason: string): Section => ({
  ...{ title: part, note: `Could not be measured: ${reason}` },
  ...{ table: { head: ['', ''], rows: [] }, budgets: [] },
})

// Every process that was started exits when this one does.
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    process.stderr.write(`ended by ${name}\n`)
    process.exit(130)
  })

/** Only a whole run replaces the report. A quick or partial one is for trying out. */
const defaultFolder = quick || given.only ? null : import.meta.dirname
const folder = given.out ?? defaultFolder

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const compare = async (): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const began = performance.now()
  const before = loadOfMachine()
  const stores = stack.use(await openStores())
  const load = stack.use(openLoad())
  const loadSize = quick
    ? { sessions: 128, renewals: 64, logins: 32 }
    : { sessions: 256, renewals: 128, logins: 64 }
  const measured = only.every(part => isPart(part) && latchkeyOnly.includes(part))
    ? [names.latchkey]
    : undefined
  const targets = stack.use(await openTargets(stores, loadSize, measured))
  const run: Run = { stores, load, targets, quick, rounds, measure: quick ? 1500 : 4000 }
  const sections: Section[] = []
  for (const part of all.filter(name => only.includes(name))) {
    process.stderr.write(`${part} …\n`)
    const section = await parts[part](run).catch((error: unknown): Section => {
      failed = true
      return notMeasured(part, error instanceof Error ? error.message : inspect(error))
    })
    sections.push(section)
    print(`\n${section.title}\n${section.note}\n\n${terminalTable(section.table)}`)
  }
  print(`\nThe budget\n\n${terminalTable(budgetTable(sections))}`)
  if (folder === null) return
  const minutes = (performance.now() - began) / 60_000
  const text = markdown({
    ...{ sections, how: stores.how, minutes, rounds, machine: machine(), cores: availableParallelism() },
    versions: { ...versions(), ...stores.versions },
    loads: [before, loadOfMachine()],
  })
  const note = `CPU time of the server for each request; shorter is better. ${machine()}`
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'REPORT.md'), text)
  await writeFile(join(folder, 'chart.svg'), chart(sections, note))
}

try {
  await compare()
  process.exit(failed ? 1 : 0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : inspect(error)}\n`)
  process.exit(1)
}
