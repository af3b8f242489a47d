import { execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { addDevEnv, leaveDevEnv } from '../../../src/dev-services/dev-env.ts'
import { endSignal } from '../../../src/dev-services/end-signal.ts'
import { findServices } from '../../../src/dev-services/find-services.ts'
import { processStart, startByPs } from '../../../src/dev-services/process-start.ts'
import { exampleSecret } from '../../../src/platform/config/variables.ts'
import { readAvaOutput } from '../../ava-output.ts'

// What npm start and the test runs are made of: signals, leftovers, the output of AVA.

const test = anyTest.serial

{
  const read = async (lines: string[]) => {
    const said: string[] = []
    const passed: string[] = []
    const output = Readable.from(`${lines.join('\n')}\n`)
    const { failures, ...tally } = await readAvaOutput(output, {
      say: line => said.push(line),
      passed: file => passed.push(file),
    })
    return { tally, failures, said, passed }
  }

  test('tests that pass → only their file is handed on, for each', async t => {
    const { tally, said, passed } = await read([
      '',
      '  ✔ login › timing › one (1.2s)',
      '  ✔ login › timing › two',
      '  - [skip] login › limits › later',
      '  ─',
      '',
      '  2 tests passed',
      '  1 test skipped',
    ])
    t.deepEqual(tally, { passed: 2, failed: 0, skipped: 1 })
    t.deepEqual(passed, ['login › timing', 'login › timing'])
    t.deepEqual(said, [])
  })

  const failures: Record<string, { lines: string[]; failed: number }> = {
    'a test that fails': {
      lines: ['  ✘ [fail]: login › one', '  ─', '', '  login › one', '  Difference:', '', '  1 test failed'],
      failed: 1,
    },
    'a file that crashes': {
      lines: [
        '  Uncaught exception in test/a.test.ts',
        '  ✘ test/a.test.ts exited with a non-zero exit code: 1',
        '  1 uncaught exception',
      ],
      failed: 1,
    },
    'a file without tests': {
      lines: ['  ✘ No tests found in test/a.test.ts, make sure to import "ava"'],
      failed: 1,
    },
    'tests that hang': {
      lines: [
        '  ✘ Timed out while running tests',
        '  2 tests were pending in test/a.test.ts',
        '  ◌ a › one',
        '  ◌ a › two',
        '  2 tests remained pending after a timeout',
      ],
      failed: 2,
    },
  }

  for (const [name, { lines, failed }] of Object.entries(failures)) {
    test(`${name} counts as failed, and all that AVA says of it is said`, async t => {
      const { tally, said } = await read(['  ✔ b › fine', ...lines])
      t.deepEqual(tally, { passed: 1, failed, skipped: 0 })
      for (const line of lines.filter(line => /\w/.test(line))) t.true(said.includes(line), line)
    })
  }

  const detail = (text: string[]) => [
    '  ✘ [fail]: a › wrong (1.2s)',
    '  ✘ [fail]: b › other',
    '  ─',
    '',
    '  a › wrong',
    '',
    ...text,
    '',
    '  b › other',
    '',
    '  Value is not truthy:',
    '  2 tests failed',
  ]
  test('AVA puts a message behind the title of a failed test → its text is still its own', async t => {
    const { failures } = await read([
      '  ✘ [fail]: a › right Rejected promise returned by test',
      '  ✘ [fail]: a › late Rejected promise returned by test',
      '  ─',
      '',
      '  a › right',
      '',
      '  Difference (- actual, + expected):',
      '',
      '  a › late',
      '',
      '  Error { message: "Timed out after 20000 ms waiting for: email 1" }',
      '  2 tests failed',
    ])
    t.deepEqual(
      failures.map(({ cause }) => cause),
      ['assertion', 'timeout'],
    )
  })

  for (const [cause, text] of [
    ['assertion', ['  Difference (- actual, + expected):']],
    ['timeout', ['  Error { message: "Timed out after 20000 ms waiting for: email 1" }']],
    ['environment', ['  AggregateError { code: "ECONNREFUSED" }']],
    ['environment', ['  Error { message: "register answered 503: {}" }']],
    ['crash', ['  Error: Unexpected process.exit()']],
  ] as const)
    test(`a failure that shows ${text[0]?.trim().slice(0, 50)} → told as ${cause}`, async t => {
      const { tally, failures } = await read(detail([...text]))
      t.is(tally.failed, 2)
      t.deepEqual(failures, [
        { name: 'a › wrong', cause },
        { name: 'b › other', cause: 'assertion' },
      ])
    })
}

{
  const silent = () => {}
  const nowhere = 'unix:///nowhere/docker.sock'

  test('servers that we were told of are handed on and not spoken to', async t => {
    let connections = 0
    const listener = createServer(() => connections++)
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
    t.teardown(() => listener.close())
    const address = listener.address()
    const port = address && typeof address === 'object' ? address.port : 0
    const env = {
      DATABASE_URL: `postgres://me@127.0.0.1:${port}/mine`,
      REDIS_URL: `redis://127.0.0.1:${port}`,
    }
    for (const purpose of ['dev', 'test'] as const) {
      await using services = await findServices({ purpose, env, say: silent })
      t.is(services.databaseUrl, env.DATABASE_URL)
      t.is(services.redisUrl, env.REDIS_URL)
      t.deepEqual(services.how, { postgres: 'DATABASE_URL', redis: 'REDIS_URL' })
    }
    t.is(connections, 0)
  })

  test('containers that are asked for are not replaced by anything else', async t => {
    const env = { ...process.env, DATABASE_URL: '', REDIS_URL: '', DOCKER_HOST: nowhere }
    await t.throwsAsync(
      findServices({ purpose: 'test', env: { ...env, LATCHKEY_SERVICES: 'containers' }, say: silent }),
      { message: /no Docker engine answers/ },
    )
  })

  test('a way that does not exist is refused, not ignored', async t => {
    const env = { DATABASE_URL: '', LATCHKEY_SERVICES: 'container', DOCKER_HOST: nowhere }
    await t.throwsAsync(findServices({ purpose: 'test', env, say: silent }), { message: /LATCHKEY_SERVICES/ })
  })
}

{
  // The file by which a command finds the services of a running `npm start`.

  const left = {
    DATABASE_URL: 'postgres://me:secret@127.0.0.1/mine',
    REDIS_URL: 'redis://127.0.0.1',
    PORT: '1',
  }
  const { PORT: _, ...services } = left

  const aFolder = async () => {
    const folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-state-'))
    const file = join(folder.path, 'env')
    return {
      ...{ path: folder.path, file },
      isThere: () =>
        stat(file).then(
          () => true,
          () => false,
        ),
      [Symbol.asyncDispose]: () => folder.remove(),
    }
  }

  /** What a command would add to this environment. */
  const added = (folder: string, env: Record<string, string> = {}): Record<string, string> => {
    addDevEnv(env, folder)
    return env
  }

  const program = `
  const [module, folder, env, then] = process.argv.slice(1)
  const { leaveDevEnv } = await import(module)
  await leaveDevEnv(folder, JSON.parse(env))
  console.log('written')
  if (then === 'exit') process.exit(1)
  setInterval(() => {}, 1000)
`
  const module = new URL('../../../src/dev-services/dev-env.ts', import.meta.url).href

  /** A process that writes the file as `npm start` does, and then goes on running or exits. */
  const startWriter = (folder: string, then: 'run' | 'exit') => {
    const args = ['--input-type=module', '-e', program, module, folder, JSON.stringify(left), then]
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  test('the process that wrote the file runs → a command gets its services, and nothing else', async t => {
    await using folder = await aFolder()
    const child = startWriter(folder.path, 'run')
    await once(child.stdout, 'data')
    t.teardown(() => child.kill('SIGKILL'))
    t.deepEqual(added(folder.path), services)
    t.true(await folder.isThere())
    t.is((await stat(folder.file)).mode & 0o777, 0o600)
  })

  test('SIGKILL ended the process that wrote the file → a command gets nothing', async t => {
    await using folder = await aFolder()
    const child = startWriter(folder.path, 'run')
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    t.true(await folder.isThere())
    t.deepEqual(added(folder.path), {})
  })

  test('the process that wrote the file exits without disposing it → the file is removed', async t => {
    await using folder = await aFolder()
    const child = startWriter(folder.path, 'exit')
    const [[line], ended] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')])
    t.is(String(line), 'written\n')
    t.deepEqual(ended, [1, null])
    t.false(await folder.isThere())
  })

  test('another process has the number of the one that wrote the file → the file is not believed', async t => {
    await using folder = await aFolder()
    using _ = await leaveDevEnv(folder.path, left)
    const text = await readFile(folder.file, 'utf8')
    const started = String(processStart(process.pid))
    t.true(text.includes(started))
    await writeFile(folder.file, text.replace(started, `${started}1`))
    t.deepEqual(added(folder.path), {})
  })

  test('a file that names no process, as older versions wrote it → it is not believed', async t => {
    await using folder = await aFolder()
    for (const text of ["DATABASE_URL='postgres://me@127.0.0.1/mine'\n", '', '# Process 1, started: \n']) {
      await writeFile(folder.file, text)
      t.deepEqual(added(folder.path), {}, text)
    }
  })

  test('no file, or no folder → a command gets nothing', async t => {
    await using folder = await aFolder()
    t.deepEqual(added(folder.path), {})
    t.deepEqual(added(join(folder.path, 'none')), {})
    t.deepEqual(added(join(folder.file, 'none')), {})
  })

  test('an `npm start` ends after another one has replaced its file → the file stays', async t => {
    await using folder = await aFolder()
    const first = await leaveDevEnv(folder.path, left)
    const second = await leaveDevEnv(folder.path, { ...left, REDIS_URL: 'redis://127.0.0.2' })
    first[Symbol.dispose]()
    t.is(added(folder.path).REDIS_URL, 'redis://127.0.0.2')
    second[Symbol.dispose]()
    t.false(await folder.isThere())
  })

  test('the environment names another database or Redis → the services are not mixed with them', async t => {
    await using folder = await aFolder()
    using _ = await leaveDevEnv(folder.path, left)
    for (const other of [{ DATABASE_URL: 'postgres://prod/theirs' }, { REDIS_URL: 'redis://prod' }])
      t.deepEqual(added(folder.path, { ...other }), other)
  })

  test('the environment holds the example secret of a copied .env.example → the secret of `npm start` is used', async t => {
    await using folder = await aFolder()
    using _ = await leaveDevEnv(folder.path, { ...left, APP_SECRET: 'its own' })
    t.is(added(folder.path, { APP_SECRET: exampleSecret }).APP_SECRET, 'its own')
  })

  test('the environment sets other variables, or leaves some empty → only what is missing is added', async t => {
    await using folder = await aFolder()
    using _ = await leaveDevEnv(folder.path, { ...left, SMTP_URL: 'smtp://127.0.0.1:1025' })
    const env = { SMTP_URL: 'smtp://mine', REDIS_URL: '', DATABASE_URL: left.DATABASE_URL }
    t.deepEqual(added(folder.path, env), { ...services, SMTP_URL: 'smtp://mine' })
  })
}

{
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
}

{
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
}
