import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Quality } from './run.ts'

/** The measurement of one part, as it is kept in a file. Figures are those of each round. */
export type Result = {
  part: string
  date: string
  commit: string
  minutes: number
  rounds: number
  quality: Quality
  machine: string
  /** The load of the machine before and after. */
  loads: [string, string]
  stores: { postgres: string; redis: string }
  versions: Record<string, string>
  figures: unknown
}

const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value

const fileOf = (folder: string, part: string): string => join(folder, 'results', `${part}.json`)

export const writeResult = async (folder: string, result: Result): Promise<void> => {
  await mkdir(join(folder, 'results'), { recursive: true })
  await writeFile(fileOf(folder, result.part), `${JSON.stringify(result, rounded, 2)}\n`)
}

/** The last result of each of these parts; a part that was never measured has none. */
export const readResults = async (folder: string, parts: readonly string[]): Promise<Result[]> => {
  const texts = await Promise.all(parts.map(part => readFile(fileOf(folder, part), 'utf8').catch(() => null)))
  return texts.flatMap(text => (text === null ? [] : [JSON.parse(text) as Result]))
}
