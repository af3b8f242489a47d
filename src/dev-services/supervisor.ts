import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { SupervisorTask } from './server-process.ts'

// Runs one server, and stops it when the parent process ends. Standard input is a pipe from the parent: it closes when
// the parent closes it or is killed. The supervisor runs in its own session, so that Ctrl-C does not stop the server
// before the processes that use it.

/** The time between two stop signals. */
const stepMs = 15_000

const { command, args, cwd, runAs, stopSignals, remove } = JSON.parse(process.argv[2] ?? '') as SupervisorTask

const server = spawn(command, args, { cwd, ...runAs, stdio: ['ignore', 'inherit', 'inherit'] })

let stopping = false

const exit = (code: number): never => {
  if (remove && stopping) rmSync(remove, { recursive: true, force: true })
  process.exit(code)
}

const stop = (): void => {
  if (stopping) return
  stopping = true
  for (const [step, signal] of stopSignals.entries()) setTimeout(() => server.kill(signal), step * stepMs)
}

server.on('exit', code => exit(code ?? 1))
server.on('error', error => {
  process.stderr.write(`${error.message}\n`)
  exit(1)
})
process.stdin.on('close', stop).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
