import type { Client, Reply } from '../../client.ts'

// An attacker who guesses passwords from many IP addresses. Needs TRUSTED_PROXIES=1, as it sets X-Forwarded-For.

export const wrongPassword = 'wrong horse 9'

let devices = 0

/** Headers of a device with its own IP address and user agent. */
export const aDevice = (): Record<string, string> => {
  devices++
  return {
    'x-forwarded-for': `10.${devices >> 16}.${(devices >> 8) & 255}.${devices & 255}`,
    'user-agent': `device-${devices}/1`,
  }
}

/** Signs in from a device, by default from a new one. */
export const loginFrom = (
  client: Client,
  email: string,
  password: string,
  headers = aDevice(),
): Promise<Reply> => client.post('login', { email, password }, { headers })

/** Sends wrong passwords one after another, each from a new device. */
export const guessPasswords = async (client: Client, email: string, times: number): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < times; i++)
    statuses.push((await loginFrom(client, email, `${wrongPassword}${i}`)).status)
  return statuses
}
