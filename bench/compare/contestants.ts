import { type Contestant, type Crowd, names, type Start } from './contestant.ts'
import { latchkey } from './latchkey.ts'
import { betterAuth, handWritten } from './peers.ts'
import { launch } from './process.ts'
import type { Stores } from './stores.ts'

/** Starts those that are wanted. All of them are up during the whole run, and only one is asked at a time. */
export const openContestants = async (
  stores: Stores,
  crowd: Crowd,
  only: readonly string[] = Object.values(names),
): Promise<Contestant[] & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const all: Contestant[] = []
  const begin: Start = async start => stack.use(await launch(start))
  const openings = [
    [names.latchkey, () => latchkey(stores, crowd, begin)],
    [names.express, () => handWritten(stores, crowd, begin, 'express')],
    [names.fastify, () => handWritten(stores, crowd, begin, 'fastify')],
    [names.betterAuth, () => betterAuth(stores, crowd, begin, false)],
    [names.betterAuthRedis, () => betterAuth(stores, crowd, begin, true)],
  ] as const
  for (const [name, open] of openings) {
    if (!only.includes(name)) continue
    process.stderr.write(`starting ${name}\n`)
    all.push(await open())
  }
  const kept = stack.move()
  return Object.assign(all, { [Symbol.asyncDispose]: () => kept.disposeAsync() })
}
