import type { Writable } from 'node:stream'
import type { Timeouts } from '../../platform/config/timeouts.ts'

/** What surrounds a command: `process` itself, or what a test gives in its place. */
export type Io = {
  env: Record<string, string | undefined>
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
  /** How long stores may take; those of the service unless a test gives them more time. */
  within?: Timeouts
}
