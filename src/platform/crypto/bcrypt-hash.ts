import { randomBytes } from 'node:crypto'

/** The dearest bcrypt that is set or imported. At 31, one comparison would keep a thread for a day. */
export const dearestCost = 16

const bcryptShape = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/

/** The cost of a bcrypt hash; null where the text is none. */
export const bcryptCost = (hash: string): number | null => {
  const cost = bcryptShape.exec(hash)?.[1]
  return cost === undefined ? null : Number(cost)
}

/** A well-formed hash of this cost which no known password has. */
export const decoyHash = (cost: number): string => {
  const text = randomBytes(48).toString('base64').slice(0, 53).replaceAll('+', '.')
  return `$2b$${String(cost).padStart(2, '0')}$${text}`
}
