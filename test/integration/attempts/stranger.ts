import type { Client, Reply } from '../../client.ts'

// Whoever guesses at passwords, from as many places as they like. The world must trust one proxy.

export const wrong = 'wrong horse 9'

let places = 0

/** A network and a program that nobody else has. */
export const aPlace = (): Record<string, string> => {
  places++
  return {
    'x-forwarded-for': `10.${places >> 16}.${(places >> 8) & 255}.${places & 255}`,
    'user-agent': `place-${places}/1`,
  }
}

/** Signs in from a place, a new one unless said. */
export const loginFrom = (
  client: Client,
  email: string,
  password: string,
  headers = aPlace(),
): Promise<Reply> => client.post('login', { email, password }, { headers })

/** Wrong passwords one after another, each from a place of its own. */
export const guess = async (client: Client, email: string, times: number): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < times; i++) statuses.push((await loginFrom(client, email, `${wrong}${i}`)).status)
  return statuses
}
