import { readFile } from 'node:fs/promises'
import type { FileEnd } from './file-times.ts'

type Say = (line: string) => void

export type Progress = {
  /** A test of this file has passed. */
  passed: (file: string) => void
  /** Reads which files have ended, and prints them. */
  look: () => Promise<void>
  /** Prints the files that were not printed yet, and returns the times of all. */
  end: () => Promise<FileEnd[]>
}

const separator = ' › '

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`

/** Prints each test file when it ends. `path` is the file that test files write their ends to. */
export const openProgress = (path: string, say: Say): Progress => {
  const counts = new Map<string, number>()
  const printed = new Set<string>()
  // AVA's output may come a moment after the end of a file: so a file is printed at the second look.
  const seen: FileEnd[] = []

  // AVA leaves out the folders that all files share, and the whole name of a lone file.
  const nameOf = (file: string): string =>
    [...counts.keys()].find(name => file === name || file.endsWith(`${separator}${name}`)) ?? ''
  const print = ({ file, took }: FileEnd): void => {
    const name = nameOf(file)
    if (printed.has(name)) return
    printed.add(name)
    const count = counts.get(name)
    // What failed AVA prints itself, with the reason.
    if (count) say(`✔ ${file}: ${count} passed (${seconds(took)})`)
  }
  const read = async (): Promise<FileEnd[]> => {
    const text = await readFile(path, 'utf8').catch(() => '')
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as FileEnd)
  }
  const look = async (): Promise<void> => {
    for (const end of seen) print(end)
    seen.push(...(await read()).slice(seen.length))
  }
  return {
    passed: file => counts.set(file, (counts.get(file) ?? 0) + 1),
    look,
    end: async () => {
      await look()
      await look()
      for (const [file, count] of counts) if (!printed.has(file)) say(`✔ ${file}: ${count} passed`)
      return seen
    },
  }
}

/** The files that took longest, in words. */
export const slowest = (ends: readonly FileEnd[], count = 10): string[] =>
  [...ends]
    .sort((a, b) => b.took - a.took)
    .slice(0, count)
    .map(({ file, took }) => `  ${seconds(took).padStart(8)}  ${file}`)
