import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exited, isRunning, stop, superviseProcess } from '../../dev-services/supervise-process.ts'

const prettyPrinter = fileURLToPath(new URL('bin.js', import.meta.resolve('pino-pretty')))

const start = (name: string, env: NodeJS.ProcessEnv, stdout: 'inherit' | 'pipe'): ChildProcess =>
  superviseProcess(join(import.meta.dirname, '../..', `${name}.ts`), [], { env, stdout })

/** Migrates the database. Returns the exit code of the migration. */
export const runMigration = async (env: NodeJS.ProcessEnv): Promise<number> => {
  const migration = start('migrate', { ...env, LOG_LEVEL: 'warn' }, 'inherit')
  await exited(migration)
  return migration.exitCode ?? 1
}

/** The API and the worker. Disposing stops both and waits for their end. */
export type ServiceProcesses = AsyncDisposable & { areRunning: () => boolean; oneExited: Promise<void> }

/** Starts API and worker, with their logs printed for people. */
export const startServiceProcesses = (env: NodeJS.ProcessEnv): ServiceProcesses => {
  const opened = new AsyncDisposableStack()
  const printer = spawn(process.execPath, [prettyPrinter, '--colorize'], {
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  opened.defer(() => stop(printer))
  const processes = ['api', 'worker'].map(name => {
    // Two processes cannot serve their metrics on one port.
    const ownEnv = name === 'worker' ? { ...env, METRICS_PORT: '' } : env
    const child = start(name, ownEnv, 'pipe')
    child.stdout?.pipe(printer.stdin, { end: false })
    // The printer exits when its terminal closes. A full pipe that is not read would then block the process that logs.
    printer.stdin.on('error', () => child.stdout?.resume())
    opened.defer(() => stop(child))
    return child
  })
  return {
    areRunning: () => processes.every(isRunning),
    oneExited: Promise.race([...processes, printer].map(exited)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
