import { join } from 'node:path'
import { writeDevEnv } from '../../dev-services/dev-env.ts'
import { findServices } from '../../dev-services/find-services.ts'
import { openMailbox } from '../../dev-services/mailbox.ts'
import { probeApi } from '../../dev-services/probe.ts'
import { stateFolder } from '../../dev-services/state-folder.ts'
import { stop } from '../../dev-services/supervise-process.ts'
import { untilReady } from '../../dev-services/until-ready.ts'
import { isFree } from '../../platform/base/free-port.ts'
import { openGateway } from '../../shop/gateway-stub/open-gateway.ts'
import { devAddress, devEnvironment } from './environment.ts'
import { runMigration, startServiceProcesses } from './service-processes.ts'

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

type Options = { ownEnv: NodeJS.ProcessEnv; withShop: boolean; signal: Promise<unknown> }

/** Runs the whole service until `signal` resolves or a process exits. Returns the exit code of `npm start`. */
export const runDev = async ({ ownEnv, withShop, signal }: Options): Promise<number> => {
  let isEnding = false
  const stopped = signal.then(() => {
    isEnding = true
  })
  const folder = stateFolder(ownEnv)
  // Everything that was started is in `opened`, so returning early stops it.
  await using opened = new AsyncDisposableStack()

  const services = opened.use(await findServices({ purpose: 'dev', env: ownEnv, print }))
  const env = await devEnvironment(ownEnv, services, folder)
  const { host, port, url } = devAddress(env)
  if (!(await isFree(Number(port), host))) {
    print(`Port ${port} is in use. Choose another port: PORT=8001 npm start`)
    return 1
  }
  env.PUBLIC_URL ||= url

  const mailbox = env.SMTP_URL ? null : await openMailbox(join(folder, 'mail'))
  if (mailbox) {
    opened.defer(() => stop(mailbox.process))
    env.SMTP_URL = mailbox.smtpUrl
  }
  const gateway = withShop ? opened.use(await openGateway(url)) : null
  Object.assign(env, gateway?.env)

  if (isEnding) return 0
  opened.use(await writeDevEnv(folder, env))
  const migrationCode = await runMigration(env)
  if (migrationCode !== 0) return migrationCode
  if (isEnding) return 0

  const processes = opened.use(startServiceProcesses(env))
  const untilApiReady = untilReady(() => probeApi(url), {
    isRunning: processes.areRunning,
    timeoutMs: Number.POSITIVE_INFINITY,
  })
  if ((await Promise.race([untilApiReady, stopped])) === true) {
    const mails = mailbox ? mailbox.pageUrl : 'emails are sent through SMTP_URL'
    const lines = [
      '',
      `  API        ${url}/api/v1   (docs: ${url}/docs)`,
      `  Mailbox    ${mails}`,
      ...(gateway ? [`  Checkouts  ${gateway.url}   (test payments only)`] : []),
      `  Postgres   ${services.description.postgres}`,
      `  Redis      ${services.description.redis}`,
      '',
      '  Press Ctrl-C to stop everything.',
      '',
    ]
    print(lines.join('\n'))
  }
  const isUnexpected = await Promise.race([stopped.then(() => false), processes.oneExited.then(() => true)])
  if (isUnexpected) print('A process exited unexpectedly. See its log lines above.')
  return isUnexpected ? 1 : 0
}
