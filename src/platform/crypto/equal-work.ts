import { randomBytes } from 'node:crypto'
import { bcryptCost, dearestCost, decoyHash } from './bcrypt-hash.ts'
import { digestBytes, type ForeignHash, pbkdf2Units, readForeignHash } from './foreign-hash.ts'

// A wrong password must cost the same whether the account is there, and whatever hash it has: else the time of an answer
// tells. So after a miss the worker makes up for every other form of hash that accounts have.

/** Forms of argon2 and scrypt that are made up for. More would make each wrong password dear without an end. */
const formsAtMost = 4

/**
 * Hashes to compare with in vain after the stored one did not match. `hash` is that one, null where there is no account.
 * `inUse` holds one stored hash of each form that accounts have. Together they cost one bcrypt at the dearest cost in use,
 * PBKDF2 with the most iterations of each digest in use, and each form of argon2 and scrypt once.
 */
export const padsAfter = (hash: string | null, cost: number, inUse: readonly string[]): string[] => {
  const own = hash === null ? null : readForeignHash(hash)
  const foreign = inUse.map(readForeignHash).filter(each => each !== null)
  return [...bcryptPads(hash, cost, inUse), ...pbkdf2Pads(own, foreign), ...otherPads(own, inUse)]
}

// One bcrypt of each cost in between makes up for a cheaper one to the round: 2^r + (2^r + … + 2^(c-1)) = 2^c.
const bcryptPads = (hash: string | null, cost: number, inUse: readonly string[]): string[] => {
  const costs = inUse.map(each => bcryptCost(each) ?? 0).filter(each => each <= dearestCost)
  const dearest = Math.max(cost, ...costs)
  const rounds = hash === null ? null : bcryptCost(hash)
  if (rounds === null) return [decoyHash(dearest)]
  return Array.from({ length: Math.max(0, dearest - rounds) }, (_, i) => decoyHash(rounds + i))
}

const pbkdf2Pads = (own: ForeignHash | null, inUse: readonly ForeignHash[]): string[] =>
  Object.entries(digestBytes).flatMap(([digest, bytes]) => {
    const unitsOf = (each: ForeignHash | null) =>
      each?.kind === 'pbkdf2' && each.digest === digest ? pbkdf2Units(each) : 0
    const left = Math.max(0, ...inUse.map(unitsOf)) - unitsOf(own)
    const [salt, hash] = [randomBytes(16), randomBytes(bytes)].map(each =>
      each.toString('base64').replace(/=+$/, ''),
    )
    return left > 0 ? [`$pbkdf2-${digest}$i=${left}$${salt}$${hash}`] : []
  })

const otherPads = (own: ForeignHash | null, inUse: readonly string[]): string[] => {
  const forms = new Map<string, string>()
  for (const hash of inUse) {
    const foreign = readForeignHash(hash)
    if (foreign && foreign.kind !== 'pbkdf2') forms.set(formOf(foreign), hash)
  }
  const padded = [...forms].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, formsAtMost)
  return padded.filter(([form]) => !own || form !== formOf(own)).map(([, hash]) => hash)
}

/** What the work of a hash depends on. */
const formOf = ({ salt: _salt, hash: _hash, ...form }: ForeignHash): string => JSON.stringify(form)
