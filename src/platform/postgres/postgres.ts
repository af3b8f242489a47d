import type { ClientBase, Pool } from 'pg'
import { DataSource, type EntitySchema, type Logger } from 'typeorm'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import type { Log } from '../base/log.ts'
import { type Timeouts, timeouts } from '../config/timeouts.ts'
import { limitPool } from './pool-limit.ts'
import { type Connection, findConnection } from './postgres-connection.ts'

export type Database = DataSource

// TypeORM's own loggers print parameters: password hashes, addresses.
const quiet = (log: Log): Logger => ({
  logQuery() {},
  logQueryError(error) {
    log.debug({ err: error }, 'query failed')
  },
  logQuerySlow(milliseconds) {
    log.warn({ milliseconds }, 'slow query')
  },
  logSchemaBuild() {},
  logMigration(message) {
    log.info(message)
  },
  log() {},
})

type Options = {
  log: Log
  entities: EntitySchema[]
  poolSize?: number
  /** Null for as long as it takes, as migrations need. */
  within?: Timeouts | null
  migrations?: (new () => { up: unknown; down: unknown })[]
}

// A server that ends a connection in the same packet in which it says that it is ready meets nobody who listens: the
// pool has handed it on, and TypeORM takes it a moment later. Without a listener of its own that ends the process.

/**
 * Connects to Postgres. Nothing waits for ever, and for a free connection no more than so many. A network that hangs
 * is met twice by a transaction: its ROLLBACK waits as well.
 */
export const openDatabase = async (
  { config, onConnect }: Connection,
  options: Omit<Options, 'within'>,
): Promise<Database> => {
  const { log, poolSize = 10 } = options
  const listen = (client: ClientBase): void => {
    client.on('error', err => log.debug({ err }, 'postgres connection broke'))
  }
  const database = new DataSource({
    type: 'postgres',
    entities: options.entities,
    migrations: (options.migrations ?? []) as never[],
    migrationsTableName: 'migrations',
    installExtensions: false,
    synchronize: false,
    logger: quiet(log),
    poolSize,
    poolErrorHandler: (error: unknown) => log.warn({ err: error }, 'postgres connection'),
    extra: {
      ...config,
      idleTimeoutMillis: 30_000,
      onConnect: (client: ClientBase) => {
        listen(client)
        onConnect(client)
      },
    },
  })
  await database.initialize()
  limitPool(poolOf(database), 8 * poolSize)
  return database
}

/** Finds out how to connect to this address, and connects. */
export const openPostgres = async ({
  url,
  within = timeouts,
  ...options
}: Options & { url: string }): Promise<Database> => openDatabase(await findConnection(url, within), options)

/** The pool below the ORM. */
export const poolOf = (database: Database): Pool => (database.driver as PostgresDriver).master as Pool
