import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { chart } from './compare/chart.ts'
import { openLoad } from './compare/load.ts'
import { commit, load as loadOfMachine, machine, versions } from './compare/machine.ts'
import { type AnyPart, parts } from './compare/parts.ts'
import { budgetTable, circumstances, type Described, markdown } from './compare/report.ts'
import { type Result, readResults, writeResult } from './compare/results.ts'
import type { Run } from './compare/run.ts'
import { openStores } from './compare/stores.ts'
import { terminalTable } from './compare/tables.ts'
import { openTargets } from './compare/targets.ts'

// Measures what a request costs in this service and in others, and whether the performance budgets hold. Exits with 0 if
// everything could be measured, even if a budget does not hold.

const all = Object.keys(parts)
const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
})
const { quick } = given
const only = given.only?.split(',') ?? all
const rounds = Number(given.rounds ?? (quick ? 2 : 5))
const unknown = only.filter(name => !all.includes(name))
if (unknown.length > 0) throw new Error(`--only takes some of ${all.join(', ')}, not ${unknown.join(', ')}`)
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds must be a whole number above 0')

/** A quick run or one of few rounds is for trying out: it replaces no result. */
const folder = given.out ?? (quick || rounds < 5 ? null : import.meta.dirname)

// Every process that was started exits when this one does.
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    process.stderr.write(`ended by ${name}\n`)
    process.exit(130)
  })

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const measurePart = async (name: string, part: AnyPart, run: Omit<Run, 'quality'>): Promise<Result> => {
  const began = performance.now()
  const before = loadOfMachine()
  const quality = { measurements: 0, discarded: 0, disturbed: 0 }
  const figures = await part.measure({ ...run, quality })
  return {
    ...{ part: name, date: new Date().toISOString(), commit: commit(), rounds, quality, machine: machine() },
    ...{ minutes: (performance.now() - began) / 60_000, loads: [before, loadOfMachine()] },
    ...{ stores: run.stores.how, versions: { ...versions(), ...run.stores.versions }, figures },
  }
}

const describe = (result: Result): Described[] => {
  const section = parts[result.part]?.describe(result.figures)
  return section ? [{ result, section }] : []
}

/** Writes the report on all results of the folder, those of earlier runs included. */
const writeReport = async (folder: string): Promise<void> => {
  const described = (await readResults(folder, all)).flatMap(describe)
  const note = `CPU time of the server for each request; shorter is better. ${machine()}`
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'REPORT.md'), markdown(described))
  const sections = described.map(({ section }) => section)
  await writeFile(join(folder, 'chart.svg'), chart(sections, note))
}

/** Returns whether every part could be measured. */
const compare = async (): Promise<boolean> => {
  await using stack = new AsyncDisposableStack()
  const stores = stack.use(await openStores())
  const load = stack.use(openLoad())
  const chosen = Object.entries(parts).filter(([name]) => only.includes(name))
  const needed = new Set(chosen.flatMap(([, { needs }]) => needs))
  const loadSize = { sessions: 256, renewals: 128, logins: 64 }
  const targets = stack.use(await openTargets(stores, loadSize, needed))
  const run = { stores, load, targets, quick, rounds, measure: quick ? 1500 : 3000 }
  const measured: Described[] = []
  for (const [name, part] of chosen) {
    process.stderr.write(`${name} …\n`)
    try {
      const result = await measurePart(name, part, run)
      if (folder !== null) await writeResult(folder, result)
      for (const each of describe(result)) {
        measured.push(each)
        const { title, note, table } = each.section
        print(`\n${title}\n${note}\n\n${terminalTable(table)}\n\n${circumstances(result)}`)
      }
    } catch (error) {
      print(`\n${name} could not be measured: ${error instanceof Error ? error.message : inspect(error)}`)
    }
  }
  print(`\nThe budgets\n\n${terminalTable(budgetTable(measured.map(({ section }) => section)))}`)
  if (folder !== null) await writeReport(folder)
  return measured.length === chosen.length
}

try {
  process.exit((await compare()) ? 0 : 1)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : inspect(error)}\n`)
  process.exit(1)
}
