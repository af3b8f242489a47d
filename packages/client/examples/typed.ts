// Strict TypeScript: parameters, queries, bodies and replies follow the routes of the service.
import { type Client, createClient, ProblemError, type StorageAdapter, type User } from '@latchkey/client'

const keychain: StorageAdapter = {
  get: async () => null,
  set: async () => {},
  remove: async () => {},
}

export const client: Client = createClient({
  baseUrl: 'https://accounts.example.com',
  storage: keychain,
  origins: ['https://api.example.com'],
  onReauthenticate: async ({ acrValues }) => {
    const code = acrValues === 'aal2' ? 'asked from the user' : null
    return client.reauthenticate(code === null ? { password: 'asked from the user' } : { code })
  },
  onMfaEnrollment: async problem => problem.status === 403,
})

export const signIn = async (email: string, password: string): Promise<User> => {
  try {
    return await client.login({ email, password })
  } catch (error) {
    if (!(error instanceof ProblemError) || !error.mfa) throw error
    return client.loginMfa({ mfa_token: error.mfa.mfa_token, code: '123456' })
  }
}

export const changePassword = async (current: string, next: string): Promise<boolean> => {
  const reply = await client.request('POST', '/api/v1/auth/change-password', {
    body: { current_password: current, new_password: next },
  })
  if (reply.status === 204) return false
  return reply.body.user.email_verified
}

export const endSession = (id: string) =>
  client.request('DELETE', '/api/v1/auth/sessions/{id}', { params: { id } })

export const administrators = async (): Promise<string[]> => {
  const { body } = await client.request('GET', '/api/v1/admin/users', { query: { role: 'admin' } })
  return body.data.map(({ email }) => email)
}
