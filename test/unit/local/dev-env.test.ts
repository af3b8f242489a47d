import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { addDevEnv, leaveDevEnv } from '../../../src/local/dev-env.ts'
import { processStart } from '../../../src/local/process-start.ts'

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
const module = new URL('../../../src/local/dev-env.ts', import.meta.url).href

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

test('SIGKILL ended the process that wrote the file → a command gets nothing and removes the file', async t => {
  await using folder = await aFolder()
  const child = startWriter(folder.path, 'run')
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.true(await folder.isThere())
  t.deepEqual(added(folder.path), {})
  t.false(await folder.isThere())
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
  t.false(await folder.isThere())
})

test('a file that names no process, as older versions wrote it → it is not believed', async t => {
  await using folder = await aFolder()
  for (const text of ["DATABASE_URL='postgres://me@127.0.0.1/mine'\n", '', '# Process 1, started: \n']) {
    await writeFile(folder.file, text)
    t.deepEqual(added(folder.path), {}, text)
    t.false(await folder.isThere(), text)
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

test('the environment sets other variables, or leaves some empty → only what is missing is added', async t => {
  await using folder = await aFolder()
  using _ = await leaveDevEnv(folder.path, { ...left, SMTP_URL: 'smtp://127.0.0.1:1025' })
  const env = { SMTP_URL: 'smtp://mine', REDIS_URL: '', DATABASE_URL: left.DATABASE_URL }
  t.deepEqual(added(folder.path, env), { ...services, SMTP_URL: 'smtp://mine' })
})
