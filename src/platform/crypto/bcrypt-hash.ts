import { randomBytes } from 'node:crypto'

/** The highest cost that an operator may set or an import may have. At 31, one comparison would block a thread for a day. */
export const maxBcryptCost = 16

const bcryptShape = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/

/** The cost of a bcrypt hash; null if the text is not one. */
export const bcryptCost = (hash: string): number | null => {
  const cost = bcryptShape.exec(hash)?.[1]
  return cost === undefined ? null : Number(cost)
}

/** A well-formed hash of this cost that matches no known password. */
export const decoyHash = (cost: number): string => {
  const text = randomBytes(48).toString('base64').slice(0, 53).replaceAll('+', '.')
  return `$2b$${String(cost).padStart(2, '0')}$${text}`
}
