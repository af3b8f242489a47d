import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { KeeperTask } from './child.ts'

// The process between us and a server. Its standard input is a pipe that we hold: when that closes, be it
// that we ask for it or that we were killed, the server is stopped. A session of its own keeps it out of
// reach of Ctrl-C, so that whoever uses the server can finish first.

const timeoutMs = 15_000

const { command, args, cwd, runAs, stopSignals, remove } = JSON.parse(process.argv[2] ?? '') as KeeperTask

const server = spawn(command, args, { cwd, ...runAs, stdio: ['ignore', 'inherit', 'inherit'] })

let stopping = false

const end = (code: number): never => {
  if (remove && stopping) rmSync(remove, { recursive: true, force: true })
  process.exit(code)
}

const stop = (): void => {
  if (stopping) return
  stopping = true
  for (const [turn, signal] of stopSignals.entries()) setTimeout(() => server.kill(signal), turn * timeoutMs)
}

server.on('exit', code => end(code ?? 1))
server.on('error', fault => {
  process.stderr.write(`${fault.message}\n`)
  end(1)
})
process.stdin.on('close', stop).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
