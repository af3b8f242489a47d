import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import packageJson from '../../package.json' with { type: 'json' }

// A Node version that cannot run the service gets one line of explanation instead of a stack trace.

const root = join(import.meta.dirname, '../..')

/** Runs a program that sees this version in `process.versions`. */
const runAs = (version: string, program: string, args: string[] = []) => {
  const fakeVersion = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const preload = `--import=data:text/javascript,${encodeURIComponent(fakeVersion)}`
  return spawnSync(process.execPath, [preload, join(root, program), ...args], { encoding: 'utf8' })
}

for (const version of ['18.20.8', '20.20.2', '22.22.0', '23.11.1', '24.11.1'])
  test(`command under Node ${version} → one line with the needed version, and exit code 78`, t => {
    for (const [program, ...args] of [['bin/require-node.cjs'], ['bin/latchkey.cjs', '--help']] as const) {
      const { status, stdout, stderr } = runAs(version, program, args)
      t.is(status, 78)
      t.is(stdout, '')
      t.is(stderr, `Latchkey needs Node 24.12 or newer. This is Node ${version}.\n`)
    }
  })

for (const version of ['24.12.0', '24.21.0', '25.0.0', '100.0.0'])
  test(`command under Node ${version} → runs`, t => {
    const { status, stdout, stderr } = runAs(version, 'bin/require-node.cjs')
    t.deepEqual([status, stdout, stderr], [0, '', ''])
    t.is(runAs(version, 'bin/latchkey.cjs', ['--help']).status, 0)
  })

test('npm scripts that start a process → check the Node version first', t => {
  const running = Object.entries(packageJson.scripts).filter(([, script]) =>
    /\bsrc\/(api|worker|migrate|dev|cli)\.ts/.test(script),
  )
  t.deepEqual(
    running.map(([name]) => name),
    ['start', 'api', 'worker', 'migrate'],
  )
  for (const [, script] of running) t.regex(script, /^node bin\/require-node\.cjs && /)
  t.is(packageJson.scripts.latchkey, `exec node ${packageJson.bin.latchkey}`)
})
