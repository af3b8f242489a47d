import { latchkey } from './latchkey.ts'
import { betterAuth, handWritten } from './peers.ts'
import { launch } from './process.ts'
import type { Stores } from './stores.ts'
import { type LoadSize, names, type Start, type Target } from './target.ts'

/** Starts these services. All of them run the whole time, and only one gets requests at a time. */
export const openTargets = async (
  stores: Stores,
  loadSize: LoadSize,
  only: ReadonlySet<string>,
): Promise<Target[] & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const all: Target[] = []
  const begin: Start = async options => stack.use(await launch(options))
  const openings = [
    [names.latchkey, () => latchkey(stores, loadSize, begin)],
    [names.express, () => handWritten(stores, loadSize, begin, 'express')],
    [names.fastify, () => handWritten(stores, loadSize, begin, 'fastify')],
    [names.betterAuthRedis, () => betterAuth(stores, loadSize, begin)],
  ] as const
  for (const [name, open] of openings) {
    if (!only.has(name)) continue
    process.stderr.write(`starting ${name}\n`)
    all.push(await open())
  }
  const kept = stack.move()
  return Object.assign(all, { [Symbol.asyncDispose]: () => kept.disposeAsync() })
}
