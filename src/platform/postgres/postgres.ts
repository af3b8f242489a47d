import type { ClientBase, Pool } from 'pg'
import type { DataSource as Database, EntitySchema, Logger } from 'typeorm'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import type { Log } from '../base/log.ts'
import { defaultTimeouts, type Timeouts } from '../config/timeouts.ts'
import { closeUnfinished, limitPoolQueue } from './pg-patches.ts'
import type { KnownColumns } from './pg-query-patches.ts'
import { type Connection, findConnection } from './postgres-connection.ts'
import { DataSource } from './typeorm.ts'

export type { Database }

// TypeORM's own loggers print parameters, such as password hashes and addresses.
const quietLogger = (log: Log): Logger => ({
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
  /** Null for no timeouts, as migrations need. */
  timeouts?: Timeouts | null
  migrations?: (new () => { up: unknown; down: unknown })[]
}

const columns = new WeakMap<ClientBase, KnownColumns>()

/** The columns of the statements of a connection of the pool. Null behind a pooler, where no statement can be prepared. */
export const columnsOf = (client: ClientBase): KnownColumns | null => columns.get(client) ?? null

/**
 * Connects to Postgres. Every wait has a timeout, and at most eight callers per connection wait for a free one. If the
 * network hangs, a transaction waits for two timeouts, as its ROLLBACK waits too.
 */
export const openDatabase = async (
  { config, onConnect, isPooled }: Connection,
  options: Omit<Options, 'timeouts'>,
): Promise<Database> => {
  const { log, poolSize = 10 } = options
  // The pool removes its error listener when it hands out a client, and TypeORM adds one in a later turn. An error in
  // between, such as a server that ends the connection right after its greeting, would end the process
  // (https://github.com/typeorm/typeorm/issues/5387).
  const logErrors = (client: ClientBase): void => {
    client.on('error', err => log.debug({ err }, 'postgres connection broke'))
  }
  const database = new DataSource({
    type: 'postgres',
    entities: options.entities,
    migrations: (options.migrations ?? []) as never[],
    migrationsTableName: 'migrations',
    installExtensions: false,
    synchronize: false,
    logger: quietLogger(log),
    poolSize,
    poolErrorHandler: (error: unknown) => log.warn({ err: error }, 'postgres connection'),
    extra: {
      ...config,
      idleTimeoutMillis: 30_000,
      onConnect: (client: ClientBase) => {
        logErrors(client)
        onConnect(client)
        if (!isPooled) columns.set(client, new Map())
      },
    },
  })
  await database.initialize()
  const pool = poolOf(database)
  limitPoolQueue(pool, 8 * poolSize)
  closeUnfinished(pool)
  return database
}

/** Finds out how to connect to this address, and connects. */
export const openPostgres = async ({
  url,
  timeouts = defaultTimeouts,
  ...options
}: Options & { url: string }): Promise<Database> => openDatabase(await findConnection(url, timeouts), options)

/** The connection pool of the ORM. */
export const poolOf = (database: Database): Pool => (database.driver as PostgresDriver).master as Pool
