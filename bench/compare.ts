import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { chart } from './compare/chart.ts'
import { names } from './compare/contestant.ts'
import { openContestants } from './compare/contestants.ts'
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

// What does a request cost, beside what others take for it, and do the promises about speed hold? Ends with 0 where it
// could be measured, whatever was found.

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
/** Parts that no peer takes part in. */
const alone: readonly Part[] = ['mails', 'processes', 'growth']
/** What a short run leaves out. */
const long: readonly Part[] = ['register']
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
const only = given.only?.split(',') ?? all.filter(part => !(quick && long.includes(part)))
const rounds = Number(given.rounds ?? (quick ? 2 : 5))
if (!only.every(isPart)) throw new Error(`--only takes some of ${all.join(', ')}`)
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds must be a whole number above 0')

let failed = false
const unmeasured = (part: Part, why: string): Section => ({
  ...{ title: part, note: `Could not be measured: ${why}` },
  ...{ table: { head: ['', ''], rows: [] }, budgets: [] },
})

// Every process that was started notices that this one is gone, and ends.
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    process.stderr.write(`ended by ${name}\n`)
    process.exit(130)
  })

/** A short or partial run is for trying: what is written down is a whole one. */
const here = quick || given.only ? null : import.meta.dirname
const folder = given.out ?? here

const show = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const compare = async (): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const began = performance.now()
  const before = loadOfMachine()
  const stores = stack.use(await openStores())
  const load = stack.use(openLoad())
  const crowd = quick
    ? { sessions: 128, renewals: 64, logins: 32 }
    : { sessions: 256, renewals: 128, logins: 64 }
  const who = only.every(part => isPart(part) && alone.includes(part)) ? [names.latchkey] : undefined
  const contestants = stack.use(await openContestants(stores, crowd, who))
  const run: Run = { stores, load, contestants, quick, rounds, measure: quick ? 1500 : 4000 }
  const sections: Section[] = []
  for (const part of all.filter(name => only.includes(name))) {
    process.stderr.write(`${part} …\n`)
    const section = await parts[part](run).catch((fault: unknown): Section => {
      failed = true
      return unmeasured(part, fault instanceof Error ? fault.message : inspect(fault))
    })
    sections.push(section)
    show(`\n${section.title}\n${section.note}\n\n${terminalTable(section.table)}`)
  }
  show(`\nThe budget\n\n${terminalTable(budgetTable(sections))}`)
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
} catch (fault) {
  process.stderr.write(`${fault instanceof Error ? fault.message : inspect(fault)}\n`)
  process.exit(1)
}
