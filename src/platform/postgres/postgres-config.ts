import { readFile } from 'node:fs/promises'
import type { ClientConfig } from 'pg'
import { configError } from '../config/config.ts'
import type { PostgresAddress, PostgresTls } from '../config/postgres-parameters.ts'
import type { Timeouts } from '../config/timeouts.ts'

const contentOf = (name: string, file: string | undefined): Promise<string> | undefined =>
  file === undefined
    ? undefined
    : readFile(file, 'utf8').catch(error => {
        throw configError(`The file that ${name} names cannot be read: ${error.code}.`)
      })

/** The TLS options of pg, in the order in which to try them. */
export const postgresTls = async (address: PostgresAddress): Promise<ClientConfig['ssl'][]> => {
  const [ca, cert, key] = await Promise.all([
    contentOf('sslrootcert', address.rootCertificate),
    contentOf('sslcert', address.certificate),
    contentOf('sslkey', address.key),
  ])
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  const unverified = { ...files, rejectUnauthorized: false }
  const tries: Record<PostgresTls, ClientConfig['ssl'][]> = {
    off: [false],
    allow: [false, unverified],
    prefer: [unverified, false],
    unverified: [unverified],
    authority: [{ ...files, checkServerIdentity: () => undefined }],
    full: [files],
  }
  return address.tls ? tries[address.tls] : [undefined]
}

/** The options of pg for an address, without TLS and settings. */
export const postgresConfig = (address: PostgresAddress, timeouts: Timeouts | null): ClientConfig => {
  const { host, port, user, password, database, applicationName, directTls, channelBinding } = address
  // A migration (no timeouts) may take longer to connect than a request.
  const connectTimeoutMs = timeouts?.postgresConnection ?? 30_000
  return {
    ...(host && { host }),
    ...(port && { port }),
    ...(user && { user }),
    ...(password && { password }),
    ...(database && { database }),
    ...(directTls && { sslnegotiation: 'direct' }),
    ...(channelBinding && { enableChannelBinding: true }),
    application_name: applicationName ?? 'latchkey',
    connectionTimeoutMillis: Math.min(connectTimeoutMs, (address.connectTimeout ?? connectTimeoutMs) * 1000),
    // If the network hangs, the statement timeout of the server has no effect here.
    query_timeout: timeouts ? timeouts.postgresStatement + 250 : 0,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}
