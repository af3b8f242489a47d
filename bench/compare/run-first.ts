import { execFileSync } from 'node:child_process'

const chrt = (...options: string[]): boolean => {
  try {
    execFileSync('chrt', ['--all-tasks', ...options, String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Gives all threads of this process the cores whenever they need them, as if they were on another machine. Linux allows
 * it to root. `isFirst` says whether it worked.
 */
export const runFirst = (): Disposable & { isFirst: boolean } => {
  const isFirst = chrt('--fifo', '--pid', '1')
  return {
    isFirst,
    [Symbol.dispose]: () => {
      if (isFirst) chrt('--other', '--pid', '0')
    },
  }
}
