import type { Asking, Street } from './traffic.ts'

/** Everything that an honest client does, once, at one instance. Returns whether all of it was answered well. */
export const tour = async (street: Street, url: string): Promise<boolean> => {
  const asked = (asking: Omit<Asking, 'who' | 'url'>) => street.ask({ ...asking, who: 'probe', url })
  const email = `tour-${crypto.randomUUID()}@example.com`
  const password = 'correct horse 9'
  const made = await asked({ route: 'register', send: c => c.post('register', { email, password }) })
  if (made?.status !== 201) return false
  const { access_token: token, refresh_token } = made.body
  const rest = await Promise.all([
    asked({ route: 'me', send: c => c.get('me', { token }) }),
    asked({ route: 'refresh', send: c => c.post('refresh', { refresh_token }) }),
    asked({ route: 'login', send: c => c.post('login', { email, password }) }),
    asked({ route: 'forgot-password', send: c => c.post('forgot-password', { email }) }),
  ])
  const left = await asked({ route: 'logout', send: c => c.post('logout', undefined, { token }) })
  return [...rest, left].every(reply => reply !== null && reply.status < 300)
}
