import { readAppSecret } from '../../dev-services/app-secret.ts'
import type { Services } from '../../dev-services/find-services.ts'
import { exampleSecret } from '../../platform/config/app-secret.ts'

// The example in a copy of `.env.example` counts as unset, because every process rejects it.
const chosenSecret = ({ APP_SECRET }: NodeJS.ProcessEnv): string | undefined =>
  APP_SECRET && APP_SECRET !== exampleSecret ? APP_SECRET : undefined

/** The environment of the processes of `npm start`: the user's own, completed with the local servers and a secret. */
export const devEnvironment = async (
  ownEnv: NodeJS.ProcessEnv,
  services: Services,
  folder: string,
): Promise<NodeJS.ProcessEnv> => ({
  ...ownEnv,
  NODE_ENV: ownEnv.NODE_ENV || 'development',
  DATABASE_URL: services.databaseUrl,
  REDIS_URL: services.redisUrl,
  APP_SECRET: chosenSecret(ownEnv) ?? (await readAppSecret(folder)),
})

/** Where the API will listen, and its URL on this machine. */
export const devAddress = (env: NodeJS.ProcessEnv): { host: string; port: string; url: string } => {
  const port = env.PORT || '8000'
  const host = env.HOST || '127.0.0.1'
  const name = host === '127.0.0.1' || host === '0.0.0.0' ? 'localhost' : host
  return { host, port, url: `http://${name}:${port}` }
}
