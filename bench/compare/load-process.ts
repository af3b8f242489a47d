import { setPriority } from 'node:os'
import { type ClosedLoop, closedLoop } from './closed-loop.ts'
import { type OpenLoop, openLoop } from './open-loop.ts'

// The process that sends the requests. It runs one job of its parent at a time, and exits with it.

// Raise the priority if that is allowed: time that a client waits for a core would count as time of the server.
try {
  setPriority(0, -5)
} catch {}

process.on('message', async (job: ClosedLoop | OpenLoop) => {
  try {
    process.send?.({ done: job.kind === 'closed' ? await closedLoop(job) : await openLoop(job) })
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) })
  }
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
