/** The value below which a share of the samples lies, 0 to 1. */
export const quantile = (samples: readonly number[], share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN]
  return low + (high - low) * (at - Math.floor(at))
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

const resample = (samples: readonly number[]): number[] =>
  samples.map(() => samples[Math.floor(Math.random() * samples.length)] ?? Number.NaN)

/** The 95 % confidence interval of the difference of the medians (bootstrap). */
export const differenceInterval = (a: readonly number[], b: readonly number[]): [number, number] => {
  const differences = Array.from({ length: 2000 }, () => median(resample(a)) - median(resample(b)))
  return [quantile(differences, 0.025), quantile(differences, 0.975)]
}

/** How often a sample of `a` is above a sample of `b`. At 0.5 they do not differ. */
export const separation = (a: readonly number[], b: readonly number[]): number => {
  let above = 0
  for (const x of a) for (const y of b) above += x > y ? 1 : x === y ? 0.5 : 0
  return above / (a.length * b.length)
}
