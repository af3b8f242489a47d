import type { Row, Run } from './run.ts'

// Decides in which order services are measured, and which measurements count.

/** Other work above this share of one core, and the measurement is repeated. */
export const mostDisturbed = 0.1

/** How often a measurement is made at most. After that the least disturbed one is kept. */
export const mostAttempts = 3

type Result = { disturbed: number }

/** Repeats a measurement while the machine is busy with something else. */
const undisturbed = async <R extends Result>(run: Run, measure: () => Promise<R>): Promise<R> => {
  let best = await measure()
  run.quality.measurements++
  for (let attempt = 1; attempt < mostAttempts && best.disturbed > mostDisturbed; attempt++) {
    if (run.quick) break
    run.quality.discarded++
    const next = await measure()
    if (next.disturbed < best.disturbed) best = next
  }
  if (best.disturbed > mostDisturbed) run.quality.disturbed++
  return best
}

/**
 * Measures each service in every round. Each round begins with another one, so that other work of the machine and the
 * previous measurement affect all of them alike.
 */
export const interleaved = async <T extends { name: string }, R extends Result>(
  run: Run,
  all: readonly T[],
  measure: (one: T, round: number) => Promise<R>,
): Promise<Row<R>[]> => {
  const results = new Map<T, R[]>(all.map(one => [one, []]))
  for (let round = 0; round < run.rounds; round++) {
    const rotated = all.map((_, at) => all[(at + round) % all.length] as T)
    for (const one of rotated) {
      const found = await undisturbed(run, () => measure(one, round)).catch(cause => {
        throw new Error(`${one.name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
      })
      results.get(one)?.push(found)
    }
  }
  return all.map(one => ({ name: one.name, rounds: results.get(one) ?? [] }))
}
