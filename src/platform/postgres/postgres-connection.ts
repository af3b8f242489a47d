import pg, { type ClientBase, type ClientConfig } from 'pg'
import { configError } from '../config/config.ts'
import { parsePostgresUrl } from '../config/postgres-url.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { beginWithSettings, greetingPid } from './pg-patches.ts'
import { postgresConfig, postgresTls } from './postgres-config.ts'
import { asBegin, asOptions, sessionSettings } from './session-settings.ts'

/**
 * How to open each connection to a database. Call `onConnect` with every new client. `isPooled`: a pooler is in between.
 */
export type Connection = {
  config: ClientConfig
  onConnect: (client: ClientBase) => void
  isPooled: boolean
}

const oldestVersion = 150_000

type Server = { pid: number; version: number; encoding: string }

// One statement, as a pooler may send the next one to another server.
const serverQuery = `SELECT pg_backend_pid() AS pid, current_setting('server_version_num')::int AS version,
  current_setting('server_encoding') AS encoding`

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

// PgBouncer says "unsupported startup parameter", RDS Proxy "currently doesn't support command-line options".
const refusesOptions = (error: unknown): boolean => /^(?:08P01|0A000)$/.test(String(codeOf(error)))

const isStatementPooling = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('statement pooling')

const statementPooling =
  'PgBouncer is in statement pooling mode, which allows no transactions. Set pool_mode = transaction.'

// The server has no TLS, or no entry in pg_hba.conf for a connection with this TLS mode.
const refusesTls = (error: unknown): boolean =>
  codeOf(error) === '28000' ||
  (error instanceof Error && error.message === 'The server does not support SSL connections')

const connectOnce = async (config: ClientConfig, begin: string | null) => {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  try {
    if (begin) {
      // Wait for the reply to BEGIN before any other write. In statement mode PgBouncer replies with the reason and closes the
      // connection. A write after that fails with EPIPE, which hides the reason.
      await client.query('BEGIN')
      await client.query('COMMIT')
      beginWithSettings(client, begin)
    }
    const { rows } = await client.query<Server>(serverQuery)
    const [server] = rows
    if (!server) throw new Error('Postgres did not report its version.')
    return { ...server, isPooled: server.pid !== greetingPid(client) }
  } finally {
    await client.end().catch(() => {})
  }
}

const refuseUnsupported = ({ version, encoding }: Server): void => {
  if (version < oldestVersion)
    throw configError(`Latchkey needs Postgres 15 or newer. This is version ${Math.floor(version / 10_000)}.`)
  if (encoding !== 'UTF8')
    throw configError(
      `The encoding of the database is ${encoding}, which cannot hold every text. Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
    )
}

/**
 * Makes a first connection to find out how to connect: whether the server offers TLS, if the address leaves that open, and
 * whether a pooler is in between. A pooler refuses startup options, or greets with a process id that is not the server's.
 * Throws if the service cannot use the server.
 */
export const findConnection = async (url: string, timeouts: Timeouts | null): Promise<Connection> => {
  const address = parsePostgresUrl(url)
  if ('error' in address) throw configError(`The address of Postgres ${address.error}.`)
  const base = postgresConfig(address, timeouts)
  const addressOptions = address.options ?? ''
  const withOptions = (version: number) => {
    const options = `${addressOptions} ${asOptions(sessionSettings(timeouts, version))}`.trim()
    return { ...base, options }
  }
  const begin = (version: number) => asBegin(sessionSettings(timeouts, version))

  const connectToPooler = async (ssl: ClientConfig['ssl']): Promise<Connection> => {
    const config = { ...base, ssl, pipeline: true, ...(addressOptions && { options: addressOptions }) }
    const server = await connectOnce(config, begin(oldestVersion)).catch(error => {
      throw isStatementPooling(error) ? configError(statementPooling) : error
    })
    refuseUnsupported(server)
    const settings = begin(server.version)
    return { config, onConnect: client => beginWithSettings(client, settings), isPooled: true }
  }

  const tryTls = async (ssl: ClientConfig['ssl']): Promise<Connection> => {
    const server = await connectOnce({ ...withOptions(oldestVersion), ssl }, null).catch(error => {
      if (refusesOptions(error)) return null
      throw error
    })
    if (!server || server.isPooled) return connectToPooler(ssl)
    refuseUnsupported(server)
    return { config: { ...withOptions(server.version), ssl }, onConnect: () => {}, isPooled: false }
  }

  const [first, second] = await postgresTls(address)
  return tryTls(first).catch(error => {
    if (second === undefined || !refusesTls(error)) throw error
    return tryTls(second)
  })
}
