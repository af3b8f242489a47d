import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { readUsage, type Usage, usedBetween } from '../../../bench/compare/usage.ts'

const before: Usage = {
  ...{ at: 0, service: 1, redis: 1, postgres: 1 },
  ...{ run: 10, visible: 20, machine: 30, steal: 2 },
}
/** Two seconds later, with as much CPU time for each. */
const after: Usage = { ...before, at: 2000, service: 2, redis: 1.5, run: 11.5, visible: 21.5, machine: 31.5 }

test('only the run itself works → CPU times in microseconds and no other work', t => {
  t.deepEqual(usedBetween(before, after), { service: 1e6, redis: 5e5, postgres: 0, disturbed: 0 })
})

test('a process outside the run works for 0.5 s of 2 s → a quarter of a core is other work', t => {
  t.is(usedBetween(before, { ...after, visible: 22 }).disturbed, 0.25)
})

test('work of a process that cannot be seen, and time stolen by the host → both are other work', t => {
  t.is(usedBetween(before, { ...after, machine: 31.7, steal: 2.2 }).disturbed.toFixed(2), '0.20')
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a child of the run that has ended → its CPU time still counts for the run', async t => {
  const before = readUsage([], process.pid)
  const child = spawn(process.execPath, ['-e', 'while (process.cpuUsage().user < 1e5);'])
  await once(child, 'exit')
  t.true(readUsage([], process.pid).run - before.run >= 0.05)
})
