import type { ClientBase, QueryConfig, QueryResult } from 'pg'

// Behind a pooler in transaction mode, the server may be another one after each transaction. What is set for a session
// reaches one server, some time, and a statement that was prepared by name is on another one. So each statement runs in
// a transaction that begins with its settings, and none has a name. The three are sent together: one round trip.

type Ask = (query: string | QueryConfig, values?: unknown[]) => Promise<QueryResult>

const opens = /^\s*(?:START\s+TRANSACTION|BEGIN)\b/i
const closes = /^\s*(?:COMMIT|ROLLBACK|END|ABORT)\s*;?\s*$/i

const withoutName = (query: string | QueryConfig): string | QueryConfig => {
  if (typeof query === 'string') return query
  const { name: _name, ...unnamed } = query
  return unnamed
}

/** Makes each transaction of a connection, also that of a single statement, begin with `begin`. The client pipelines. */
export const setInEachTransaction = (client: ClientBase, begin: string): void => {
  const ask = client.query.bind(client) as Ask
  let isOpen = false

  const open = async (): Promise<QueryResult> => {
    isOpen = true
    try {
      return await ask(begin)
    } catch (error) {
      isOpen = false
      throw error
    }
  }

  const alone: Ask = async (query, values) => {
    const [began, answer, ended] = await Promise.allSettled([ask(begin), ask(query, values), ask('COMMIT')])
    for (const each of [began, answer, ended]) if (each.status === 'rejected') throw each.reason
    return (answer as PromiseFulfilledResult<QueryResult>).value
  }

  const query: Ask = (given, values) => {
    const text = typeof given === 'string' ? given : given.text
    if (opens.test(text)) return open()
    if (!closes.test(text))
      return isOpen ? ask(withoutName(given), values) : alone(withoutName(given), values)
    isOpen = false
    return ask(given)
  }
  client.query = query as ClientBase['query']
}
