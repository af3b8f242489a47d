import { randomBytes } from 'node:crypto'
import { bcryptCost, decoyHash, maxBcryptCost } from './bcrypt-hash.ts'
import { digestBytes, type ForeignHash, pbkdf2Units, readForeignHash } from './foreign-hash.ts'

// A wrong password must cost the same for every account and for none. Otherwise the response time tells an attacker
// whether an account exists. So after a mismatch the worker also compares with decoys, for every other kind of hash in use.

/** How many kinds of argon2 and scrypt get a decoy. Without a limit, each wrong password would cost ever more. */
const maxKinds = 4

/**
 * The decoys to compare with after the stored hash did not match. `hash` is the stored one, null if there is no account.
 * `inUse` holds one stored hash of each kind that accounts have. Stored hash and decoys together cost one bcrypt at the
 * highest cost in use, PBKDF2 with the most iterations of each digest in use, and each kind of argon2 and scrypt once.
 */
export const decoysAfter = (hash: string | null, cost: number, inUse: readonly string[]): string[] => {
  const own = hash === null ? null : readForeignHash(hash)
  const foreign = inUse.map(readForeignHash).filter(each => each !== null)
  return [...bcryptDecoys(hash, cost, inUse), ...pbkdf2Decoys(own, foreign), ...otherDecoys(own, inUse)]
}

// One bcrypt of each cost in between adds exactly the missing rounds: 2^r + (2^r + … + 2^(c-1)) = 2^c.
const bcryptDecoys = (hash: string | null, cost: number, inUse: readonly string[]): string[] => {
  const costs = inUse.map(each => bcryptCost(each) ?? 0).filter(each => each <= maxBcryptCost)
  const highest = Math.max(cost, ...costs)
  const rounds = hash === null ? null : bcryptCost(hash)
  if (rounds === null) return [decoyHash(highest)]
  return Array.from({ length: Math.max(0, highest - rounds) }, (_, i) => decoyHash(rounds + i))
}

const pbkdf2Decoys = (own: ForeignHash | null, inUse: readonly ForeignHash[]): string[] =>
  Object.entries(digestBytes).flatMap(([digest, bytes]) => {
    const unitsOf = (each: ForeignHash | null) =>
      each?.kind === 'pbkdf2' && each.digest === digest ? pbkdf2Units(each) : 0
    const left = Math.max(0, ...inUse.map(unitsOf)) - unitsOf(own)
    if (left <= 0) return []
    const [salt, hash] = [randomBytes(16), randomBytes(bytes)].map(each =>
      each.toString('base64').replace(/=+$/, ''),
    )
    return [`$pbkdf2-${digest}$i=${left}$${salt}$${hash}`]
  })

const otherDecoys = (own: ForeignHash | null, inUse: readonly string[]): string[] => {
  const kinds = new Map<string, string>()
  for (const hash of inUse) {
    const foreign = readForeignHash(hash)
    if (foreign && foreign.kind !== 'pbkdf2') kinds.set(kindOf(foreign), hash)
  }
  const chosen = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, maxKinds)
  return chosen.filter(([kind]) => !own || kind !== kindOf(own)).map(([, hash]) => hash)
}

/** The parameters that the cost of a hash depends on. */
const kindOf = ({ salt: _salt, hash: _hash, ...parameters }: ForeignHash): string =>
  JSON.stringify(parameters)
