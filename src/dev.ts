import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { leaveDevEnv } from './dev-services/dev-env.ts'
import { endSignal } from './dev-services/end-signal.ts'
import { findServices } from './dev-services/find-services.ts'
import { openMailbox } from './dev-services/mailbox.ts'
import { ownSecret } from './dev-services/own-secret.ts'
import { stateFolder } from './dev-services/state-folder.ts'
import { ended, isRunning, stop, superviseProcess } from './dev-services/supervise-process.ts'
import { untilReady } from './dev-services/until-ready.ts'
import { isFree } from './platform/base/free-port.ts'
import { exampleSecret } from './platform/config/variables.ts'
import { openGateway } from './shop/gateway-stub/open-gateway.ts'

// Everything at once, on one machine: finds or starts Postgres and Redis, migrates, and runs the API, the worker
// and a mailbox. Each is a process of its own, as in production. With `--shop` sites are sold, by a stand-in for the
// payment gateway.

const folder = stateFolder(process.env)

const prettyPrinter = fileURLToPath(new URL('bin.js', import.meta.resolve('pino-pretty')))

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const run = (name: string, env: NodeJS.ProcessEnv, stdout: 'inherit' | 'pipe'): ChildProcess =>
  superviseProcess(join(import.meta.dirname, `${name}.ts`), [], { env, stdout })

// The example in a copy of `.env.example` counts as unset: every process refuses it.
const givenSecret = ({ APP_SECRET }: NodeJS.ProcessEnv): string | undefined =>
  APP_SECRET && APP_SECRET !== exampleSecret ? APP_SECRET : undefined

const nonEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))

let isEnding = false
const stopped = endSignal(process).then(() => {
  isEnding = true
})
// A terminal that is closed takes no more output. That must not keep us from stopping the servers.
process.stdout.on('error', () => {})

const main = async (): Promise<number> => {
  await using opened = new AsyncDisposableStack()
  const services = opened.use(await findServices({ purpose: 'dev', env: process.env, say }))
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_ENV: process.env.NODE_ENV || 'development',
    DATABASE_URL: services.databaseUrl,
    REDIS_URL: services.redisUrl,
    APP_SECRET: givenSecret(process.env) ?? (await ownSecret(folder)),
  }
  const { PORT: port = '8000', HOST: host = '127.0.0.1' } = nonEmpty(env)
  if (!(await isFree(Number(port), host))) {
    say(`Port ${port} is taken. Choose another: PORT=8001 npm start`)
    return 1
  }
  const local = `http://${host === '127.0.0.1' || host === '0.0.0.0' ? 'localhost' : host}:${port}`
  env.PUBLIC_URL ||= local

  let mails = env.SMTP_URL ? 'sent through SMTP_URL' : ''
  if (!env.SMTP_URL) {
    const mailbox = await openMailbox(join(folder, 'mail'))
    opened.defer(() => stop(mailbox.process))
    env.SMTP_URL = mailbox.smtpUrl
    mails = mailbox.pageUrl
  }

  const gateway = process.argv.includes('--shop') ? opened.use(await openGateway(local)) : null
  Object.assign(env, gateway?.env)

  // A signal while servers start is answered here: what has started is in `opened`.
  if (isEnding) return 0
  opened.use(await leaveDevEnv(folder, env))

  const migration = run('migrate', { ...env, LOG_LEVEL: 'warn' }, 'inherit')
  await ended(migration)
  if (migration.exitCode !== 0) return migration.exitCode ?? 1
  if (isEnding) return 0

  const pretty = spawn(process.execPath, [prettyPrinter, '--colorize'], {
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  opened.defer(() => stop(pretty))
  const processes = ['api', 'worker'].map(name => {
    // Two processes cannot serve their metrics at one port.
    const own = name === 'worker' ? { ...env, METRICS_PORT: '' } : env
    const child = run(name, own, 'pipe')
    child.stdout?.pipe(pretty.stdin, { end: false })
    // The printer ends where its terminal is closed. A log that nobody reads would block the process that writes it.
    pretty.stdin.on('error', () => child.stdout?.resume())
    opened.defer(() => stop(child))
    return child
  })
  const fallen = Promise.race([...processes, pretty].map(ended))
  const alive = () => processes.every(isRunning)

  const up = await Promise.race([untilReady(local, alive), stopped])
  if (up === true)
    say(
      [
        '',
        `  API        ${local}/api/v1   (docs: ${local}/docs)`,
        `  Mailbox    ${mails}`,
        ...(gateway ? [`  Checkouts  ${gateway.url}   (no money moves)`] : []),
        `  Postgres   ${services.how.postgres}`,
        `  Redis      ${services.how.redis}`,
        '',
        '  Ctrl-C ends all of it.',
        '',
      ].join('\n'),
    )
  const reason = await Promise.race([stopped, fallen.then(() => 'fallen')])
  if (reason === 'fallen') say('A process has ended by itself: its last words are above.')
  return reason === 'fallen' ? 1 : 0
}

process.exitCode = await main().catch(fault => {
  process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n`)
  return 1
})
