import test from 'ava'
import pg, { type Client } from 'pg'
import { describedQuery, type KnownColumns } from '../../../src/platform/postgres/pg-query-patches.ts'
import { message, openFakePostgres, ready } from './fake-postgres.ts'

// The test runs pg without and with its patch. If pg describes a result once without it, remove the patch.

/** One column `id` of type int4, as text. */
const columns = message(
  'T',
  Buffer.from([0, 1, 105, 100, 0, ...Array(6).fill(0), 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]),
)
const answers: Record<string, Buffer> = {
  P: message('1'),
  B: message('2'),
  D: columns,
  E: Buffer.concat([
    message('D', Buffer.from([0, 1, 0, 0, 0, 1, 55])),
    message('C', Buffer.from('SELECT 1\0')),
  ]),
  S: ready,
}

/** A server that answers each query with one row, and keeps the types of the messages that it receives. */
const openAnsweringPostgres = async () => {
  const received: string[] = []
  const server = await openFakePostgres((bytes, socket) => {
    for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
      const type = String.fromCharCode(bytes[at] ?? 0)
      received.push(type)
      socket.write(answers[type] ?? '')
    }
  })
  return { ...server, received }
}

const query = { name: 'one', text: 'SELECT $1::int AS id', values: [7] }

const rowsOfPatched = (client: Client, known: KnownColumns) =>
  new Promise((resolve, reject) => {
    client.query(
      describedQuery(client, known, query, (error, rows) => (error ? reject(error) : resolve(rows))),
    )
  })

test('a prepared statement runs again → pg asks for its columns again, the patched query does not', async t => {
  for (const isPatched of [false, true]) {
    using server = await openAnsweringPostgres()
    const client = new pg.Client({ ...server.config, pipeline: true })
    await client.connect()
    const known: KnownColumns = new Map()
    const run = async () =>
      isPatched ? rowsOfPatched(client, known) : (await client.query({ ...query })).rows
    t.deepEqual(await run(), [{ id: 7 }])
    t.is(server.received.splice(0).join(''), 'PBDES')
    t.deepEqual(await run(), [{ id: 7 }])
    t.is(server.received.splice(0).join(''), isPatched ? 'BES' : 'BDES')
    await client.end()
  }
})
