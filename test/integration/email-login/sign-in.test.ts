import test from 'ava'
import { acrOf } from '../../../src/features/sessions/authentication.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { askForCode, confirm, requestLoginMail } from './login-mail.ts'

const world = await openWorld({ worker: true })
const { client } = world
test.after.always(() => world[Symbol.asyncDispose]())

test('the code and the login token of its request → a session of aal1', async t => {
  const { email, userId } = await anAccount(client)
  const { login_token, code } = await requestLoginMail(world, email)
  t.regex(code, /^\d{8}$/)
  const { status, body, text } = await confirm(client, { login_token, code })
  t.is(status, 200, text)
  t.like(body.user, { id: userId, email })
  t.is((await client.get('me', { token: body.access_token })).status, 200)
  t.is(acrOf(['email']), 'aal1')
})

test('unknown address', async t => {
  const login_token = await askForCode(world, anEmail())
  t.is((await confirm(client, { login_token, code: '12345678' })).status, 401)
})
