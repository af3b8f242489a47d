import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { onFreePort } from '../../platform/base/free-port.ts'
import { createLocalGateway } from './gateway.ts'

const defaultPort = 8027

/** Starts a gateway stub on this machine. `env` configures the shop to use it. Disposing stops it. */
export const openGateway = async (
  serviceUrl: string,
): Promise<{ env: Record<string, string>; url: string } & AsyncDisposable> => {
  const secret = (kind: string) => `${kind}_test_${randomBytes(12).toString('hex')}`
  const keys = {
    publicKey: secret('pk'),
    secretKey: secret('sk'),
    webhookSecret: `whsec_${randomBytes(32).toString('base64')}`,
  }
  const { server } = createLocalGateway({ keys, webhookUrl: `${serviceUrl}/api/v1/webhooks/recurrente` })
  const port = await onFreePort(defaultPort, async free => {
    server.listen(free, '127.0.0.1')
    await once(server, 'listening')
    return free
  })
  const url = `http://localhost:${port}`
  return {
    url,
    env: {
      RECURRENTE_URL: `${url}/api`,
      RECURRENTE_PUBLIC_KEY: keys.publicKey,
      RECURRENTE_SECRET_KEY: keys.secretKey,
      RECURRENTE_WEBHOOK_SECRET: keys.webhookSecret,
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
