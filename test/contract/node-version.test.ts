import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import packageJson from '../../package.json' with { type: 'json' }

// A Node that cannot run the service is told by one line, and not by a stack trace.

const root = join(import.meta.dirname, '../..')

/** Runs a program as a Node of this version would, as far as the program can see. */
const runAs = (version: string, program: string, words: string[] = []) => {
  const disguise = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const preload = `--import=data:text/javascript,${encodeURIComponent(disguise)}`
  return spawnSync(process.execPath, [preload, join(root, program), ...words], { encoding: 'utf8' })
}

for (const version of ['18.20.8', '20.20.2', '22.22.0', '23.11.1', '24.11.1'])
  test(`a command under Node ${version} → one line that names the needed version, and exit code 78`, t => {
    for (const [program, ...words] of [['bin/require-node.cjs'], ['bin/latchkey.cjs', '--help']] as const) {
      const { status, stdout, stderr } = runAs(version, program, words)
      t.is(status, 78)
      t.is(stdout, '')
      t.is(stderr, `Latchkey needs Node 24.12 or newer. This is Node ${version}.\n`)
    }
  })

for (const version of ['24.12.0', '24.21.0', '25.0.0', '100.0.0'])
  test(`a command under Node ${version} → runs`, t => {
    const { status, stdout, stderr } = runAs(version, 'bin/require-node.cjs')
    t.deepEqual([status, stdout, stderr], [0, '', ''])
    t.is(runAs(version, 'bin/latchkey.cjs', ['--help']).status, 0)
  })

test('each npm script that runs a process of the service → checks the version of Node first', t => {
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
