import type { Client, Reply } from '../client.ts'
import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { type Honest, joinAsHonest } from './honest.ts'
import { assault, prepareAssault } from './hostile.ts'
import { openStreet } from './street.ts'
import { tour } from './tour.ts'

// A small crowd that goes on asking while something breaks: honest clients that insist as real ones do, hostile
// ones that may never get in, and a probe that asks whether each process lives. What came back is kept to the last
// answer, and what was promised by it; `brokenInvariants` judges both afterwards.

export type Answer = {
  who: 'honest' | 'hostile' | 'probe'
  route: string
  /** 0 where none came; `code` is then that of the connection's error, or NO_ANSWER. */
  status: number
  code: string
  retryAfter: string | null
  /** When it was asked for, in milliseconds since 1970, and how long it took. */
  at: number
  ms: number
  /** When the session that it is about began, and when the same thing was first asked for. */
  sessionSince: number | null
  firstAt: number
}

export type Session = {
  email: string
  userId: string
  sessionId: string
  access: string
  refresh: string
  since: number
}

/** What answers of 2xx have promised. */
export type Ledger = {
  users: { email: string; userId: string }[]
  /** By address or user: how many answers there were. */
  forgot: Map<string, number>
  logins: Map<string, number>
  live: Set<Session>
  ended: Session[]
}

export type Span = { from: number; to: number }

export type Crowd = AsyncDisposable & {
  world: Pick<LocalWorld, 'sql' | 'mails'>
  urls: () => string[]
  answers: Answer[]
  ledger: Ledger
  /** When something was broken. */
  faults: Span[]
  /** Waits for as many good answers more to honest clients. */
  served: (count: number) => Promise<void>
  /** From now on something is broken. */
  struck: () => void
  /**
   * From now on nothing is: waits until every route of every instance answers well and the crowd was answered well
   * for a second. Returns how many milliseconds it took; throws after 30 s.
   */
  recovered: () => Promise<number>
  stop: () => Promise<void>
}

export type Options = {
  /** The instances to ask, in turn. A function, where they come and go. */
  urls: string[] | (() => string[])
  honest?: number
  hostile?: number
  /** Milliseconds that a client rests between two requests, more or less. */
  pace?: number
  /** The crowd stops by itself after as many answers. */
  most?: number
}

/** What clients share: how they ask, and where they write down what they got. */
export type Street = Pick<Crowd, 'answers' | 'ledger'> & {
  isOver: () => boolean
  rest: (pace?: number) => Promise<void>
  ask: (asking: Asking) => Promise<Reply | null>
}

export type Asking = Pick<Answer, 'who' | 'route'> &
  Partial<Pick<Answer, 'sessionSince' | 'firstAt'>> & {
    send: (client: Client) => Promise<Reply>
    url?: string
  }

const recoveryPatience = 30_000

const goOn = async (street: Street, step: () => Promise<unknown>): Promise<void> => {
  while (!street.isOver()) {
    await step()
    await street.rest()
  }
}

const isBad = ({ who, status }: Answer): boolean => who === 'honest' && (status === 0 || status >= 400)

/** Brings a crowd together, all signed in, and lets it ask. The instances must be well. */
export const startCrowd = async (
  world: Pick<LocalWorld, 'sql' | 'mails'>,
  options: Options,
): Promise<Crowd> => {
  let stopped = false
  const street = openStreet(options, () => stopped)
  const { answers, ledger } = street
  const urls = typeof options.urls === 'function' ? options.urls : () => options.urls as string[]
  const crew: Honest[] = await Promise.all(
    Array.from({ length: options.honest ?? 6 }, () => joinAsHonest(street)),
  )
  const attackers = await Promise.all(
    Array.from({ length: options.hostile ?? 2 }, () => prepareAssault(street)),
  )
  const probe = () =>
    Promise.all(
      urls().map(url => street.ask({ who: 'probe', route: 'livez', url, send: c => c.get('/livez') })),
    )

  const running = Promise.all([
    ...crew.map(client => goOn(street, client.step)),
    ...attackers.map(attacker => goOn(street, () => assault(street, attacker))),
    goOn(street, async () => {
      await probe()
      await street.rest(150)
    }),
  ])
  // Whoever stops hears of it; until then it is nobody's.
  running.catch(() => {})

  const faults: Span[] = []
  const good = () => answers.filter(answer => answer.who === 'honest' && !isBad(answer)).length
  const quiet = () => !answers.some(answer => isBad(answer) && answer.at + answer.ms > Date.now() - 1000)
  const stop = async () => {
    stopped = true
    await running
  }
  return {
    ...{ world, urls, answers, ledger, faults, stop },
    served: async count => {
      const target = good() + count
      await until(`${count} good answers more`, () => good() >= target, recoveryPatience)
    },
    struck: () => {
      faults.push({ from: Date.now(), to: Number.POSITIVE_INFINITY })
    },
    recovered: async () => {
      const began = Date.now()
      await until(
        'every route answers well again',
        async () => (await Promise.all(urls().map(url => tour(street, url)))).every(Boolean) && quiet(),
        recoveryPatience,
      )
      const now = Date.now()
      for (const span of faults) span.to = Math.min(span.to, now)
      return now - began
    },
    [Symbol.asyncDispose]: () => stop().catch(() => {}),
  }
}
