// Finds the field name that a client misspelt. The result is always a name of the schema, never text of the client.

/** A name in lower case and without punctuation, so that `fullName`, `Full-Name` and `full_name` are equal. */
export const squeezed = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

// The number of letters that are changed, missing, added or swapped with the next (Damerau and Levenshtein).
const distance = (a: string, b: string): number => {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i])
  rows[0] = Array.from({ length: b.length + 1 }, (_, j) => j)
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const steps = [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (isSame ? 0 : 1)]
      rows[i]?.push(Math.min(...steps, isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY))
    }
  return at(a.length, b.length)
}

// The difference of two similar names, null for others. One letter in four may differ, or one name starts or ends the
// other, such as `name` and `full_name`. `emailAddress` is nearer to `email` than to `address`.
const difference = (given: string, known: string): number | null => {
  const differs = distance(given, known)
  if (differs <= Math.min(3, Math.floor(Math.max(given.length, known.length) / 4) || 1)) return differs
  const [short, long] = given.length < known.length ? [given, known] : [known, given]
  if (short.length < 4) return null
  if (long.startsWith(short)) return long.length
  return long.endsWith(short) ? long.length + 1 : null
}

/** Longer than any name of a schema. Longer names are not compared. */
const longest = 40

/** The name that is nearest to a misspelt one; null if no name is near, or two are equally near. */
export const nearName = (given: string, names: readonly string[]): string | null => {
  const plain = given.length <= longest ? squeezed(given) : ''
  if (plain === '') return null
  const near = names.flatMap(name => {
    const differs = difference(plain, squeezed(name))
    return differs === null ? [] : [{ name, differs }]
  })
  const least = Math.min(...near.map(({ differs }) => differs))
  const [best, another] = near.filter(({ differs }) => differs === least)
  return best && !another ? best.name : null
}
