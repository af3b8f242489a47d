import { readFile } from 'node:fs/promises'
import type { FileEnd } from './file-times.ts'

type Print = (line: string) => void

export type Progress = {
  /** Counts a passed test of this file. */
  passed: (file: string) => void
  /** Reads which files have ended, and prints them. */
  poll: () => Promise<void>
  /** Prints the remaining files, and returns the durations of all files. */
  end: () => Promise<FileEnd[]>
}

const separator = ' › '

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`

/** Prints each test file when it ends. `path` is the file to which test files report their end. */
export const openProgress = (path: string, say: Print): Progress => {
  const counts = new Map<string, number>()
  const printed = new Set<string>()
  // The output of AVA may arrive shortly after the end of a file. So a file is printed on the second poll.
  const seen: FileEnd[] = []

  // AVA omits the folders that all files share, and the name of the file if it is the only one.
  const nameOf = (file: string): string =>
    [...counts.keys()].find(name => file === name || file.endsWith(`${separator}${name}`)) ?? ''
  const print = ({ file, took }: FileEnd): void => {
    const name = nameOf(file)
    if (printed.has(name)) return
    printed.add(name)
    const count = counts.get(name)
    // AVA itself prints failed tests with the reason.
    if (count) say(`✔ ${file}: ${count} passed (${seconds(took)})`)
  }
  const read = async (): Promise<FileEnd[]> => {
    const text = await readFile(path, 'utf8').catch(() => '')
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as FileEnd)
  }
  const poll = async (): Promise<void> => {
    for (const end of seen) print(end)
    seen.push(...(await read()).slice(seen.length))
  }
  return {
    passed: file => counts.set(file, (counts.get(file) ?? 0) + 1),
    poll,
    end: async () => {
      await poll()
      await poll()
      for (const [file, count] of counts) if (!printed.has(file)) say(`✔ ${file}: ${count} passed`)
      return seen
    },
  }
}

/** The slowest files, as lines of text. */
export const slowest = (ends: readonly FileEnd[], count = 10): string[] =>
  [...ends]
    .sort((a, b) => b.took - a.took)
    .slice(0, count)
    .map(({ file, took }) => `  ${seconds(took).padStart(8)}  ${file}`)
