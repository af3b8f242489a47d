import test from 'ava'
import { runCommand } from '../cli/run-command.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const send = (...words: string[]) => runCommand(shop.env, ['webhooks', 'send', ...words, '--json'])

test('a sample goes to a service on this machine, and is taken', async t => {
  const { id } = await shop.aPurchase()
  const sent = await send('payment_intent.succeeded', '--purchase', id, '--url', `${shop.url}/`)
  t.like(sent, { code: 0, json: { status: 204 } })
  t.is((await shop.rowOf(id)).status, 'paid')
})

test('a sample goes nowhere else', async t => {
  for (const url of [
    'https://example.com',
    'http://127.0.0.1.example.com',
    'http://127.0.0.1@example.com',
    'ftp://127.0.0.1',
  ])
    t.is((await send('refund.created', '--url', url)).code, 64, url)
  const own = await send('payment_intent.failed')
  t.like(own, { code: 1, json: { error: { code: 'NOT_LOCAL' } } })
})

test('a service that is not there is not called a store', async t => {
  const sent = await send('payment_intent.failed', '--url', 'http://127.0.0.1:9')
  t.like(sent, { code: 1, json: { error: { code: 'NOT_TAKEN' } } })
})
