import { randomUUID } from 'node:crypto'
import test from 'ava'
import { anEmail } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { runCommand } from './run-command.ts'

const world = await openWorld({ worker: true })
const { client, env, mails, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const emails = (...words: string[]) => runCommand(env, ['emails', ...words, '--json'])
const refusal = Object.assign(new Error('no'), { responseCode: 550 })

const statusOf = async (email: string) =>
  (await sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [email]))[0]?.status

const failedMail = async (): Promise<string> => {
  const email = anEmail()
  await client.post('register', { email, password: 'correct horse 9' })
  await until('the mail fails', async () => (await statusOf(email)) === 'failed')
  return email
}

test.serial('mails that were given up are listed, and sent again by id or all at once', async t => {
  mails.answer(refusal)
  const failed = [await failedMail(), await failedMail(), await failedMail()]
  const { code, json } = await emails('failed')
  t.is(code, 0)
  t.deepEqual(json.map((mail: { recipient: string }) => mail.recipient).reverse(), failed)
  t.like(json[0], { kind: 'verify_email', attempts: 1, last_error: 'SMTP 550' })
  t.is((await emails('failed', '--limit', '2')).json.length, 2)

  mails.answer(null)
  const [last] = json
  t.deepEqual((await emails('retry', last.id)).json, { retried: 1 })
  await mails.to(last.recipient)
  await until('the row is settled', async () => (await statusOf(last.recipient)) === 'sent')
  const again = await emails('retry', last.id)
  t.is(again.code, 1, 'a mail that was sent is not sent again')
  t.is(again.json.error.code, 'NOT_FOUND')

  t.deepEqual((await emails('retry', '--all')).json, { retried: 2 })
  for (const email of failed) t.truthy(await mails.to(email))
  await until('every row is settled', async () => (await emails('failed')).json.length === 0)
})

test.serial('a retry of everything meets each mail once, though they fail again', async t => {
  mails.answer(refusal)
  await failedMail()
  t.deepEqual((await emails('retry', '--all')).json, { retried: 1 })
  mails.answer(null)
})

test('retry wants an id or --all, and not both', async t => {
  for (const words of [[], [randomUUID(), '--all']]) t.is((await emails('retry', ...words)).code, 64)
  t.is((await emails('retry', randomUUID())).code, 1)
})

test.serial('a test mail arrives, and no row is owed for it', async t => {
  const email = anEmail()
  const { code, json } = await emails('test', email)
  t.is(code, 0)
  t.deepEqual(json, { answer: 'SMTP 250' })
  t.regex((await mails.to(email)).mail.text ?? '', /latchkey\.test/)
  t.is(await statusOf(email), undefined)
})

test.serial('of a refused test mail the code is said, and none of the words', async t => {
  mails.answer(Object.assign(new Error('canary'), { responseCode: 554 }))
  const { code, json, out, err } = await emails('test', anEmail())
  mails.answer(null)
  t.is(code, 1)
  t.is(json.error.fault, 'SMTP 554')
  t.notRegex(out + err, /canary/)
})

test('a mail server that is not there is named by the fault', async t => {
  const { code, json } = await runCommand({ ...env, SMTP_URL: 'smtp://127.0.0.1:1' }, [
    ...['emails', 'test', anEmail(), '--json'],
  ])
  t.is(code, 1)
  t.regex(json.error.fault, /^E[A-Z]+$/)
})

test('keys are listed as they are published, without a secret', async t => {
  const { code, json, out } = await runCommand(env, ['keys', 'list', '--json'])
  t.is(code, 0)
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  t.deepEqual(json, keys)
  const [row] = await sql<{ sealed_secret: string }>('SELECT sealed_secret FROM signing_keys')
  t.truthy(row)
  t.false(out.includes(row?.sealed_secret ?? ''))
  t.notRegex(out, /k4\.secret/)
})
