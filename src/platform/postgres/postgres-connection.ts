import pg, { type ClientBase, type ClientConfig } from 'pg'
import { configError } from '../config/config.ts'
import { parsePostgresUrl } from '../config/postgres-url.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { postgresConfig, postgresTls } from './postgres-config.ts'
import { asBegin, asOptions, sessionSettings } from './session-settings.ts'
import { setInEachTransaction } from './transaction-settings.ts'

/** How every connection to a database is opened. Call `onConnect` for each new one. */
export type Connection = { config: ClientConfig; onConnect: (client: ClientBase) => void }

const oldest = 150_000

type Found = { pid: number; version: number; encoding: string }

// One statement, as a pooler may ask another server the next.
const facts = `SELECT pg_backend_pid() AS pid, current_setting('server_version_num')::int AS version,
  current_setting('server_encoding') AS encoding`

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

// PgBouncer: "unsupported startup parameter". RDS Proxy: "currently doesn't support command-line options".
const refusesOptions = (error: unknown): boolean => /^(?:08P01|0A000)$/.test(String(codeOf(error)))

const poolsStatements = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('statement pooling')

const statementPooling =
  'PgBouncer is in statement pooling mode, in which nothing can be done in one transaction. Set pool_mode = transaction.'

// No TLS at the server, or no entry in its pg_hba.conf for a connection of this kind.
const refusesTls = (error: unknown): boolean =>
  codeOf(error) === '28000' ||
  (error instanceof Error && error.message === 'The server does not support SSL connections')

const greet = async (config: ClientConfig, begin: string | null) => {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  try {
    if (begin) setInEachTransaction(client, begin)
    const { rows } = await client.query<Found>(facts)
    const [found] = rows
    if (!found) throw new Error('Postgres does not say what it is.')
    const { processID } = client as unknown as { processID: number }
    return { ...found, isPooled: found.pid !== processID }
  } finally {
    await client.end().catch(() => {})
  }
}

const refuseUnfit = ({ version, encoding }: Found): void => {
  if (version < oldest)
    throw configError(`Latchkey needs Postgres 15 or newer. This is version ${Math.floor(version / 10_000)}.`)
  if (encoding !== 'UTF8')
    throw configError(
      `The encoding of the database is ${encoding}, which cannot hold every text. Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
    )
}

/**
 * Finds out how to connect, by a first connection: whether TLS is offered, where that is left open, and whether a
 * pooler stands in between, which knows no startup options or hands servers from one client to another. It is known by
 * the process number in its greeting, which is not that of the server. Refuses a server that the service cannot use.
 */
export const findConnection = async (url: string, within: Timeouts | null): Promise<Connection> => {
  const address = parsePostgresUrl(url)
  if ('error' in address) throw configError(`The address of Postgres ${address.error}.`)
  const plain = postgresConfig(address, within)
  const own = address.options ?? ''
  const withOptions = (version: number) => {
    const options = `${own} ${asOptions(sessionSettings(within, version))}`.trim()
    return { ...plain, options }
  }
  const begin = (version: number) => asBegin(sessionSettings(within, version))

  const pooled = async (ssl: ClientConfig['ssl']): Promise<Connection> => {
    const config = { ...plain, ssl, pipeline: true, ...(own && { options: own }) }
    const found = await greet(config, begin(oldest)).catch(error => {
      throw poolsStatements(error) ? configError(statementPooling) : error
    })
    refuseUnfit(found)
    const whole = begin(found.version)
    return {
      config,
      onConnect: client => setInEachTransaction(client, whole),
    }
  }

  const tryTls = async (ssl: ClientConfig['ssl']): Promise<Connection> => {
    const found = await greet({ ...withOptions(oldest), ssl }, null).catch(error => {
      if (refusesOptions(error)) return null
      throw error
    })
    if (!found || found.isPooled) return pooled(ssl)
    refuseUnfit(found)
    return {
      config: { ...withOptions(found.version), ssl },
      onConnect: () => {},
    }
  }

  const [first, second] = await postgresTls(address)
  return tryTls(first).catch(error => {
    if (second === undefined || !refusesTls(error)) throw error
    return tryTls(second)
  })
}
