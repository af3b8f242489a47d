import type { Io } from './io.ts'

const width = 30

/** Draws a progress bar of reading a file. Draws nothing if standard error is not a terminal. */
export const openProgress = (stderr: Io['stderr'], total: number, read: () => number) => {
  let drawn = false
  return {
    draw: (count: number): void => {
      if (!stderr.isTTY) return
      const share = total === 0 ? 1 : Math.min(1, read() / total)
      const bar = '#'.repeat(Math.round(share * width)).padEnd(width)
      stderr.write(`\r[${bar}] ${String(Math.round(share * 100)).padStart(3)} %, ${count} lines`)
      drawn = true
    },
    [Symbol.dispose]: (): void => {
      if (drawn) stderr.write('\n')
    },
  }
}
