import { password } from '../fixtures.ts'
import type { ApiRequest, Recorder } from './recorder.ts'

/** Calls each route of an honest client once, at one instance. Returns whether every call succeeded. */
export const smokeTest = async ({ request }: Recorder, url: string): Promise<boolean> => {
  const ask = (asked: ApiRequest) => request({ ...asked, actor: 'probe', url })
  const email = `smoke-${crypto.randomUUID()}@example.com`
  const registered = await ask({ path: 'register', body: { email, password } })
  if (registered?.status !== 201) return false
  const { access_token: token, refresh_token } = registered.body
  const replies = await Promise.all([
    ask({ path: 'me', method: 'GET', token }),
    ask({ path: 'refresh', body: { refresh_token } }),
    ask({ path: 'login', body: { email, password } }),
    ask({ path: 'forgot-password', body: { email } }),
  ])
  const logout = await ask({ path: 'logout', token })
  return [...replies, logout].every(reply => reply !== null && reply.status < 300)
}
