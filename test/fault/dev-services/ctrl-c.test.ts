import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdtempDisposable, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { processStartTime } from '../../../src/dev-services/process-start.ts'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// `npm start` in a real terminal, which sends Ctrl-C to every process of the group.

const runs = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

/** A command that runs these words in a new terminal, and types its standard input there. */
const inTerminal = (words: string[]): [string, string[]] | null => {
  if (runs('python3', '-c', 'import pty')) {
    const program = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'
    return ['python3', ['-c', program, ...words]]
  }
  // Only the `script` of util-linux has these options.
  if (!runs('script', '--version')) return null
  // `exec` replaces the shell, which the signal would end too.
  const line = words.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  return ['script', ['--quiet', '--return', '--flush', '--command', `exec ${line}`, '/dev/null']]
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process ended after its folder was listed.
    return ''
  }
}

/** Each process of this machine with its parent. */
const parents = (): { pid: number; parent: number }[] => {
  const lines = existsSync('/proc/self/stat')
    ? globSync('/proc/[0-9]*/stat').map(path => textOf(path).replace(/ \(.*\) \S/s, ''))
    : execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).split('\n')
  return lines.map(line => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number)
    return { pid: pid ?? 0, parent: parent ?? 0 }
  })
}

/** The descendants of a process, each named by its id and start time. */
const below = (pid: number): string[] => {
  const all = parents()
  const pids = [pid]
  for (const above of pids) pids.push(...all.filter(({ parent }) => parent === above).map(each => each.pid))
  return pids.slice(1).map(each => `${each} ${processStartTime(each)}`)
}

const isRunning = (process: string): boolean => {
  const [pid = '', ...start] = process.split(' ')
  return processStartTime(Number(pid)) === start.join(' ')
}

const terminal = inTerminal([process.execPath, join(import.meta.dirname, '../../../src/dev.ts')])

if (!terminal)
  test.skip('Ctrl-C in a terminal ends `npm start`: needs python3 or the `script` of util-linux', () => {})
else
  test('Ctrl-C twice in a terminal while `npm start` runs → no process and no services file stay', async t => {
    await using world = await openWorld()
    await using state = await mkdtempDisposable(join(tmpdir(), 'latchkey-state-'))
    const port = await onFreePort(undefined, async free => free)
    const [command, args] = terminal
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...{ PATH, HOME, NODE_COMPILE_CACHE, TERM: 'dumb' },
        ...world.env,
        ...{ LATCHKEY_STATE: state.path, PORT: String(port), SMTP_URL: '' },
      },
    })
    t.teardown(() => child.kill('SIGKILL'))
    let shown = ''
    child.stdout.on('data', chunk => {
      shown += chunk
    })
    await until('the service to be ready', () => shown.includes('Press Ctrl-C to stop everything'))
    const file = join(state.path, 'env')
    t.is((await stat(file)).mode & 0o777, 0o600)
    const started = below(Number(child.pid))
    // `dev.ts`, the printer, and a supervisor with its process for the mailbox, the API and the worker.
    t.true(started.length >= 8, started.join(', '))
    t.true(started.every(isRunning))

    const ended = once(child, 'exit')
    child.stdin.write('\x03')
    // npm forwards the signal of the same key press a moment later.
    await sleep(50)
    child.stdin.write('\x03')
    t.deepEqual(await ended, [0, null], shown)
    t.deepEqual(started.filter(isRunning), [])
    await t.throwsAsync(stat(file), { code: 'ENOENT' })
    await t.throwsAsync(fetch(`http://127.0.0.1:${port}/livez`))
  })
