import { endSignal } from './dev-services/end-signal.ts'
import { runDev } from './processes/dev/run.ts'

// `npm start`: the whole service on one machine. It finds or starts Postgres and Redis, migrates the database, and runs
// the API, the worker and a mailbox, each in its own process as in production. `--shop` adds a stub of the payment gateway.

// Writing to a closed terminal fails. Unhandled, that error would end this process before it stops its servers.
process.stdout.on('error', () => {})

const signal = endSignal(process)
const withShop = process.argv.includes('--shop')
process.exitCode = await runDev({ ownEnv: process.env, withShop, signal }).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  return 1
})
