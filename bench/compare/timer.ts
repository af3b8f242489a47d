import { parentPort, workerData } from 'node:worker_threads'

// Signals the sending thread at each scheduled time. Timers of the event loop have whole milliseconds and wait for running
// code; this thread sleeps with microsecond precision. The first message is the time of tick 0: the schedule begins when
// this thread runs, since a slow start would send the first requests late and all at once.

const { interval, count } = workerData as { interval: number; count: number }
const never = new Int32Array(new SharedArrayBuffer(4))
const now = (): number => Number(process.hrtime.bigint()) / 1e6

const start = now() + 100
parentPort?.postMessage(start)
for (let tick = 0; tick < count; tick++) {
  const left = start + tick * interval - now()
  if (left > 0) Atomics.wait(never, 0, 0, left)
  parentPort?.postMessage(tick)
}
