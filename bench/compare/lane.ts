import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, openConnection, type Reply, written } from './connection.ts'

/**
 * What one connection asks for: these requests in turn. With `rotates` each reply holds the refresh token that the next
 * request presents, in the place of `{{token}}`. With `mayRefuse` a 503 is an answer too: that passwords wait for longer
 * than a client would.
 */
export type Lane = { asks: Ask[]; status: number; rotates?: string; mayRefuse?: true }

export type OpenLane = Disposable & {
  /** Asks once more; false where it was refused. Throws where the answer is none of those that were expected. */
  ask: () => Promise<boolean>
  /** The refresh token that the next request would present. */
  token: () => string | undefined
}

let told = 0
const own = `${process.pid.toString(36)}${Date.now().toString(36)}`

/** As much as a client waits that is told to come back. */
const timeoutMs = 500

const isExpected = (reply: Reply, { status, mayRefuse }: Lane, ask: Ask): boolean => {
  if (reply.status === status) return true
  if (reply.status === 503 && mayRefuse) return false
  throw new Error(`${ask.method} ${ask.path} answered ${reply.status}: ${reply.body.slice(0, 300)}`)
}

const nextToken = (reply: Reply, before: string): string => {
  const token = /"refresh_token":"([^"]+)"/.exec(reply.body)?.[1]
  if (token && token !== before) return token
  throw new Error('a refresh gave no new token')
}

const changes = ({ body = '' }: Ask): boolean => /\{\{(unique|token)\}\}/.test(body)

/** Opens a connection that goes through the requests of a lane. */
export const openLane = async (port: number, lane: Lane): Promise<OpenLane> => {
  const connection = await openConnection(port)
  const ready = lane.asks.map(ask => (changes(ask) ? null : written(ask)))
  let turn = 0
  let token = lane.rotates
  const filled = (ask: Ask): string => {
    const body = (ask.body ?? '').replace('{{unique}}', () => `${own}${told++}`)
    return written({ ...ask, body: body.replace('{{token}}', token ?? '') })
  }
  return {
    ask: async () => {
      const at = turn++ % lane.asks.length
      const ask = lane.asks[at] as Ask
      const reply = await connection.send(ready[at] ?? filled(ask))
      if (!isExpected(reply, lane, ask)) {
        await sleep(timeoutMs)
        return false
      }
      if (token !== undefined) token = nextToken(reply, token)
      return true
    },
    token: () => token,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  }
}

/** Opens them all. */
export const openLanes = async (port: number, lanes: Lane[]): Promise<OpenLane[] & Disposable> => {
  const open = await Promise.all(lanes.map(lane => openLane(port, lane)))
  return Object.assign(open, { [Symbol.dispose]: () => open.forEach(lane => void lane[Symbol.dispose]()) })
}
