import { parentPort, workerData } from 'node:worker_threads'

// Signals the sending thread at each scheduled time. Timers of the event loop have whole milliseconds and wait for running
// code; this thread sleeps with microsecond precision.

const { start, interval, to } = workerData as { start: number; interval: number; to: number }
const never = new Int32Array(new SharedArrayBuffer(4))

for (let tick = 0; start + tick * interval < to; tick++) {
  const left = start + tick * interval - Number(process.hrtime.bigint()) / 1e6
  if (left > 0) Atomics.wait(never, 0, 0, left)
  parentPort?.postMessage(tick)
}
