import type { Writable } from 'node:stream'
import type { Timeouts } from '../../platform/config/timeouts.ts'

/** The environment and streams of a command: `process`, or a substitute in tests. */
export type Io = {
  env: Record<string, string | undefined>
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
  /** Timeouts of the stores. Tests may set longer ones than the service has. */
  timeouts?: Timeouts
}
