import { availableParallelism, setPriority } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import bcrypt from 'bcrypt'

// Measures the most hashes of this machine: as many threads as the service has, at the same priority, with no other work.

const cost = 12

type Work = { count: number; took: number; cpu: number }

const work = (milliseconds: number): void => {
  try {
    setPriority(0, 10)
  } catch {}
  const hash = bcrypt.hashSync('correct horse 9', cost)
  const began = performance.now()
  const before = process.threadCpuUsage()
  let count = 0
  while (performance.now() - began < milliseconds) {
    bcrypt.compareSync('correct horse 9', hash)
    count++
  }
  const { user, system } = process.threadCpuUsage(before)
  parentPort?.postMessage({ count, took: performance.now() - began, cpu: user + system })
}

const lead = async (milliseconds: number): Promise<void> => {
  const threads = availableParallelism()
  const done = await Promise.all(
    Array.from(
      { length: threads },
      () =>
        new Promise<Work>((resolve, reject) => {
          const worker = new Worker(new URL(import.meta.url), { workerData: milliseconds })
          worker.on('message', resolve).on('error', reject)
        }),
    ),
  )
  const perSecond = done.reduce((sum, { count, took }) => sum + (count / took) * 1000, 0)
  const [count, cpu] = [
    done.reduce((sum, each) => sum + each.count, 0),
    done.reduce((sum, each) => sum + each.cpu, 0),
  ]
  process.send?.({ perSecond, each: (threads / perSecond) * 1000, threads, cpu: cpu / count })
}

process.on('disconnect', () => process.exit())
if (isMainThread) await lead(Number(process.argv[2]))
else work(workerData as number)
