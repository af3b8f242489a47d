import { execFileSync, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { addDevEnv, writeDevEnv } from '../../../src/dev-services/dev-env.ts'
import { endSignal } from '../../../src/dev-services/end-signal.ts'
import { findServices } from '../../../src/dev-services/find-services.ts'
import { processStartTime, startTimeByPs } from '../../../src/dev-services/process-start.ts'
import { exampleSecret } from '../../../src/platform/config/app-secret.ts'

// What `npm start` and the test runner use: services, the environment file, process start times and signals.

const test = anyTest.serial

{
  const silent = () => {}
  const nowhere = 'unix:///nowhere/docker.sock'

  test('DATABASE_URL and REDIS_URL set → used without a connection to them', async t => {
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
      await using services = await findServices({ purpose, env, print: silent })
      t.is(services.databaseUrl, env.DATABASE_URL)
      t.is(services.redisUrl, env.REDIS_URL)
      t.deepEqual(services.description, { postgres: 'DATABASE_URL', redis: 'REDIS_URL' })
    }
    t.is(connections, 0)
  })

  test('LATCHKEY_SERVICES=containers without Docker → an error instead of another kind of service', async t => {
    const env = { ...process.env, DATABASE_URL: '', REDIS_URL: '', DOCKER_HOST: nowhere }
    await t.throwsAsync(
      findServices({ purpose: 'test', env: { ...env, LATCHKEY_SERVICES: 'containers' }, print: silent }),
      { message: /Docker does not answer/ },
    )
  })

  test('unknown LATCHKEY_SERVICES → refused instead of ignored', async t => {
    const env = { DATABASE_URL: '', LATCHKEY_SERVICES: 'container', DOCKER_HOST: nowhere }
    await t.throwsAsync(findServices({ purpose: 'test', env, print: silent }), {
      message: /LATCHKEY_SERVICES/,
    })
  })
}

{
  // The file in which a command finds the services of a running `npm start`.

  const written = {
    DATABASE_URL: 'postgres://me:secret@127.0.0.1/mine',
    REDIS_URL: 'redis://127.0.0.1',
    PORT: '1',
  }
  const { PORT: _, ...services } = written

  const openFolder = async () => {
    const folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-state-'))
    const file = join(folder.path, 'env')
    return {
      ...{ path: folder.path, file },
      exists: () =>
        stat(file).then(
          () => true,
          () => false,
        ),
      [Symbol.asyncDispose]: () => folder.remove(),
    }
  }

  /** The environment of a command after the file was read. */
  const added = (folder: string, env: Record<string, string> = {}): Record<string, string> => {
    addDevEnv(env, folder)
    return env
  }

  const program = `
  const [module, folder, env, then] = process.argv.slice(1)
  const { writeDevEnv } = await import(module)
  await writeDevEnv(folder, JSON.parse(env))
  console.log('written')
  if (then === 'exit') process.exit(1)
  setInterval(() => {}, 1000)
`
  const module = new URL('../../../src/dev-services/dev-env.ts', import.meta.url).href

  /** A process that writes the file as `npm start` does, and then keeps running or exits. */
  const startWriterProcess = (folder: string, then: 'run' | 'exit') => {
    const args = ['--input-type=module', '-e', program, module, folder, JSON.stringify(written), then]
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  test('writer of the environment file is running → a command gets its services only', async t => {
    await using folder = await openFolder()
    const child = startWriterProcess(folder.path, 'run')
    await once(child.stdout, 'data')
    t.teardown(() => child.kill('SIGKILL'))
    t.deepEqual(added(folder.path), services)
    t.true(await folder.exists())
    t.is((await stat(folder.file)).mode & 0o777, 0o600)
  })

  test('writer of the environment file was killed → a command gets nothing', async t => {
    await using folder = await openFolder()
    const child = startWriterProcess(folder.path, 'run')
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    t.true(await folder.exists())
    t.deepEqual(added(folder.path), {})
  })

  test('writer of the environment file exits without disposing it → the file is removed', async t => {
    await using folder = await openFolder()
    const child = startWriterProcess(folder.path, 'exit')
    const [[line], ended] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')])
    t.is(String(line), 'written\n')
    t.deepEqual(ended, [1, null])
    t.false(await folder.exists())
  })

  test('process id of the writer reused by another process → the environment file is ignored', async t => {
    await using folder = await openFolder()
    using _ = await writeDevEnv(folder.path, written)
    const text = await readFile(folder.file, 'utf8')
    const started = String(processStartTime(process.pid))
    t.true(text.includes(started))
    await writeFile(folder.file, text.replace(started, `${started}1`))
    t.deepEqual(added(folder.path), {})
  })

  test('environment file without a process, as older versions wrote it → ignored', async t => {
    await using folder = await openFolder()
    for (const text of ["DATABASE_URL='postgres://me@127.0.0.1/mine'\n", '', '# Process 1, started: \n']) {
      await writeFile(folder.file, text)
      t.deepEqual(added(folder.path), {}, text)
    }
  })

  test('environment file or its folder missing → a command gets nothing', async t => {
    await using folder = await openFolder()
    t.deepEqual(added(folder.path), {})
    t.deepEqual(added(join(folder.path, 'none')), {})
    t.deepEqual(added(join(folder.file, 'none')), {})
  })

  test('second `npm start` replaced the environment file → the end of the first keeps it', async t => {
    await using folder = await openFolder()
    const first = await writeDevEnv(folder.path, written)
    const second = await writeDevEnv(folder.path, { ...written, REDIS_URL: 'redis://127.0.0.2' })
    first[Symbol.dispose]()
    t.is(added(folder.path).REDIS_URL, 'redis://127.0.0.2')
    second[Symbol.dispose]()
    t.false(await folder.exists())
  })

  test('environment names another database or Redis → no service of the file is mixed in', async t => {
    await using folder = await openFolder()
    using _ = await writeDevEnv(folder.path, written)
    for (const other of [{ DATABASE_URL: 'postgres://prod/theirs' }, { REDIS_URL: 'redis://prod' }])
      t.deepEqual(added(folder.path, { ...other }), other)
  })

  test('environment has the secret of .env.example → the secret of `npm start` is used instead', async t => {
    await using folder = await openFolder()
    using _ = await writeDevEnv(folder.path, { ...written, APP_SECRET: 'its own' })
    t.is(added(folder.path, { APP_SECRET: exampleSecret }).APP_SECRET, 'its own')
  })

  test('environment has other or empty variables → only missing ones are added', async t => {
    await using folder = await openFolder()
    using _ = await writeDevEnv(folder.path, { ...written, SMTP_URL: 'smtp://127.0.0.1:1025' })
    const env = { SMTP_URL: 'smtp://mine', REDIS_URL: '', DATABASE_URL: written.DATABASE_URL }
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

  test('start time of a running process → the same each time', t => {
    const start = processStartTime(process.pid)
    t.truthy(start)
    t.is(processStartTime(process.pid), start)
  })

  test('start times of two processes → different', async t => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child, 'spawn')
    t.truthy(processStartTime(Number(child.pid)))
    t.not(processStartTime(Number(child.pid)), processStartTime(process.pid))
  })

  test('start time of a process that has ended → null', async t => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(child, 'exit')
    t.is(processStartTime(Number(child.pid)), null)
    t.is(processStartTime(Number.NaN), null)
  })

  const onPs = hasPs() ? test : test.skip
  onPs('start time without /proc → read from ps', t => {
    t.regex(startTimeByPs(process.pid) ?? '', /^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/)
  })
}

{
  const openEndSignal = () => {
    const signals = new EventEmitter()
    const exits: number[] = []
    const ending = endSignal({
      on: (signal, listener) => signals.on(signal, listener),
      exit: code => exits.push(code),
    })
    return { ending, exits, send: (signal: NodeJS.Signals) => signals.emit(signal, signal) }
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    test(`${signal} received → shutdown begins`, async t => {
      const { ending, exits, send } = openEndSignal()
      send(signal)
      t.is(await ending, signal)
      t.deepEqual(exits, [])
    })

  test('several signals within a second, as one key press sends → only the first counts', async t => {
    const { ending, exits, send } = openEndSignal()
    for (const signal of ['SIGINT', 'SIGINT', 'SIGHUP', 'SIGTERM'] as const) send(signal)
    t.is(await ending, 'SIGINT')
    t.deepEqual(exits, [])
  })

  test('signal a second after the first one → the process exits immediately', async t => {
    const { exits, send } = openEndSignal()
    send('SIGINT')
    await sleep(1100)
    send('SIGINT')
    t.deepEqual(exits, [1])
  })
}
