import { parentPort, workerData } from 'node:worker_threads'

// Tells the thread that sends when the next instant has come. Timers of the event loop know whole milliseconds, and
// wait behind whatever it is at; this thread sleeps to the microsecond.

const { start, interval, to } = workerData as { start: number; interval: number; to: number }
const never = new Int32Array(new SharedArrayBuffer(4))

for (let tick = 0; start + tick * interval < to; tick++) {
  const left = start + tick * interval - Number(process.hrtime.bigint()) / 1e6
  if (left > 0) Atomics.wait(never, 0, 0, left)
  parentPort?.postMessage(tick)
}
