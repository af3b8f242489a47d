import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { endSignal } from '../../../src/local/end-signal.ts'

const aProcess = () => {
  const signals = new EventEmitter()
  const exits: number[] = []
  const ending = endSignal({
    on: (signal, listener) => signals.on(signal, listener),
    exit: code => exits.push(code),
  })
  return { ending, exits, send: (signal: NodeJS.Signals) => signals.emit(signal, signal) }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`${signal} → the end begins`, async t => {
    const { ending, exits, send } = aProcess()
    send(signal)
    t.is(await ending, signal)
    t.deepEqual(exits, [])
  })

test('SIGINT comes twice for one key press → the second is ignored', async t => {
  const { ending, exits, send } = aProcess()
  for (const signal of ['SIGINT', 'SIGINT', 'SIGHUP', 'SIGTERM'] as const) send(signal)
  t.is(await ending, 'SIGINT')
  t.deepEqual(exits, [])
})

test('a signal comes a second after the first one → the process ends at once', async t => {
  const { exits, send } = aProcess()
  send('SIGINT')
  await sleep(1100)
  send('SIGINT')
  t.deepEqual(exits, [1])
})
