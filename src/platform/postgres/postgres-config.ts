import { readFile } from 'node:fs/promises'
import type { ClientConfig } from 'pg'
import { configError } from '../config/config.ts'
import type { PostgresAddress, PostgresTls } from '../config/postgres-parameters.ts'
import type { Timeouts } from '../config/timeouts.ts'

// The parts of a Postgres address, as the driver takes them.

const contentOf = (name: string, file: string | undefined): Promise<string> | undefined =>
  file === undefined
    ? undefined
    : readFile(file, 'utf8').catch(error => {
        throw configError(`The file that ${name} names cannot be read: ${error.code}.`)
      })

/** What the driver is told of TLS, in the order in which it is tried. */
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

/** What the driver is told of an address, but for TLS and settings. */
export const postgresConfig = (address: PostgresAddress, within: Timeouts | null): ClientConfig => {
  const { host, port, user, password, database, applicationName, directTls, channelBinding } = address
  // A migration has time, and its connection is the only one.
  const timeout = within?.postgresConnection ?? 30_000
  return {
    ...{ ...(host && { host }), ...(port && { port }), ...(user && { user }), ...(password && { password }) },
    ...(database && { database }),
    ...(directTls && { sslnegotiation: 'direct' }),
    ...(channelBinding && { enableChannelBinding: true }),
    application_name: applicationName ?? 'latchkey',
    connectionTimeoutMillis: Math.min(timeout, (address.connectTimeout ?? timeout) * 1000),
    // Where the network hangs, no server ends a statement.
    query_timeout: within ? within.postgresStatement + 250 : 0,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}
