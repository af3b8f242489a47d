import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { processStart, startByPs } from '../../../src/local/process-start.ts'

const hasPs = (): boolean => {
  try {
    execFileSync('ps', ['-o', 'pid=', '-p', String(process.pid)])
    return true
  } catch {
    return false
  }
}

test('a process runs → its start is the same each time', t => {
  const start = processStart(process.pid)
  t.truthy(start)
  t.is(processStart(process.pid), start)
})

test('two processes → their starts differ', async t => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  t.truthy(processStart(Number(child.pid)))
  t.not(processStart(Number(child.pid)), processStart(process.pid))
})

test('a process has ended → it has no start', async t => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(child, 'exit')
  t.is(processStart(Number(child.pid)), null)
  t.is(processStart(Number.NaN), null)
})

const onPs = hasPs() ? test : test.skip
onPs('a system without `/proc` → `ps` tells the time of the start', t => {
  t.regex(startByPs(process.pid) ?? '', /^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/)
})
