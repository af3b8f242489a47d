import { setPriority } from 'node:os'
import { type Pace, pace } from './pace.ts'
import { type Press, press } from './press.ts'

// The process that asks. It does what its parent says, one thing at a time, and ends with it.

// Where that is allowed, it is served first: a client that waits for a core would count that as the server's time.
try {
  setPriority(0, -5)
} catch {}

process.on('message', async (job: Press | Pace) => {
  try {
    process.send?.({ done: job.kind === 'press' ? await press(job) : await pace(job) })
  } catch (fault) {
    process.send?.({ fault: fault instanceof Error ? fault.message : String(fault) })
  }
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
