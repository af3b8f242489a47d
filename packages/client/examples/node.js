// A program that signs in, reads the account, and signs out: node node.js https://accounts.example.com ada@example.com
import { createClient, ProblemError } from '@latchkey/client'

const [, , baseUrl = 'http://localhost:8000', email = 'ada@example.com'] = process.argv
const client = createClient({ baseUrl })

const remove = client.onChange((event, session) => console.log(event, session?.userId ?? ''))

try {
  const user = await client.login({ email, password: process.env.PASSWORD ?? '' })
  console.log(`Hello ${user.full_name ?? user.email}`)

  const { body } = await client.request('GET', '/api/v1/auth/sessions')
  console.log(`${body.data.length} sessions`)

  await client.logout()
} catch (error) {
  if (!(error instanceof ProblemError)) throw error
  console.error(`${error.code}: ${error.detail ?? error.title}`)
  process.exitCode = 1
} finally {
  remove()
  client.close()
}
