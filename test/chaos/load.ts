import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { emptyLedger, type Ledger, type Rig } from './account.ts'
import { openHonestClient } from './honest-client.ts'
import { attack, prepareAttacker } from './hostile-client.ts'
import { type Answer, openRecorder } from './recorder.ts'
import { smokeTest } from './smoke.ts'

// A small closed-loop load that continues during a fault: honest clients that retry as real ones do, attackers, and a
// probe of `/livez`. It records every answer and what each promised; `brokenInvariants` judges both afterwards.

export type Span = { from: number; to: number }

export type Load = AsyncDisposable & {
  world: Pick<LocalWorld, 'sql' | 'mails'>
  urls: () => string[]
  answers: Answer[]
  ledger: Ledger
  /** What honest clients found changed that should have lasted, and where attackers succeeded. */
  violations: string[]
  /** When a fault was active. */
  faults: Span[]
  /** Waits for this many more successful answers to honest clients. */
  served: (count: number) => Promise<void>
  /** A fault begins now. */
  faultBegins: () => void
  /**
   * The fault ends now. Waits until each route of each instance answers well, and the load has had good answers for a
   * second. Returns how many milliseconds it took; throws after 30 s.
   */
  recovered: () => Promise<number>
  stop: () => Promise<void>
}

type Options = {
  /** The instances to ask in turn. A function, if they start and stop. */
  urls: string[] | (() => string[])
  honest?: number
  hostile?: number
  /** How long a client rests between two requests, in milliseconds, varied by half. */
  restMs?: number
  /** The load stops by itself after this many answers. */
  most?: number
}

const recoveryTimeoutMs = 30_000

const rest = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds * (0.5 + Math.random())))

const isBad = ({ actor, status }: Answer): boolean => actor === 'honest' && (status === 0 || status >= 400)

/** Signs in all clients and starts them. The instances must be healthy. */
export const startLoad = async (
  world: Pick<LocalWorld, 'sql' | 'mails'>,
  { urls: given, honest = 6, hostile = 2, restMs = 60, most = 8000 }: Options,
): Promise<Load> => {
  let stopped = false
  const answers: Answer[] = []
  const violations: string[] = []
  const urls = typeof given === 'function' ? given : () => given
  const recorder = openRecorder({ urls, onAnswer: answer => answers.push(answer) })
  const isOver = () => stopped || answers.length >= most
  const rig: Rig = {
    ...recorder,
    ledger: emptyLedger(),
    retry: {
      wait: (_reply, tries) => rest(Math.min(50 * 2 ** tries, 400)),
      isOver,
      emails: { tries: Number.POSITIVE_INFINITY, waitMs: 0 },
    },
    // `brokenInvariants` judges each answer: during some faults a refusal is allowed.
    onRefusal: () => {},
    onLostSession: () => {},
    onViolation: (what, detail = '') => violations.push(`(a) ${what}: ${detail}`),
    onNote: () => {},
  }

  const clients = await Promise.all(Array.from({ length: honest }, () => openHonestClient(rig)))
  const attackers = await Promise.all(Array.from({ length: hostile }, () => prepareAttacker(rig)))
  const probe = () =>
    Promise.all(urls().map(url => rig.request({ actor: 'probe', path: '/livez', method: 'GET', url })))

  const repeat = async (step: () => Promise<unknown>, restAfter = restMs): Promise<void> => {
    while (!isOver()) {
      await step()
      await rest(restAfter)
    }
  }
  const running = Promise.all([
    ...clients.map(({ step }) => repeat(step)),
    ...attackers.map(attacker => repeat(() => attack(rig, attacker))),
    repeat(probe, restMs + 150),
  ])
  // `stop` reports a rejection. Until then it would count as unhandled.
  running.catch(() => {})

  const faults: Span[] = []
  const good = () => answers.filter(answer => answer.actor === 'honest' && !isBad(answer)).length
  const isQuiet = () => !answers.some(answer => isBad(answer) && answer.at + answer.ms > Date.now() - 1000)
  const stop = async () => {
    stopped = true
    await running
  }
  return {
    ...{ world, urls, answers, violations, faults, stop, ledger: rig.ledger },
    served: async count => {
      const target = good() + count
      await until(`${count} more good answers`, () => good() >= target, recoveryTimeoutMs)
    },
    faultBegins: () => {
      faults.push({ from: Date.now(), to: Number.POSITIVE_INFINITY })
    },
    recovered: async () => {
      const began = Date.now()
      await until(
        'every route to answer well again',
        async () => (await Promise.all(urls().map(url => smokeTest(rig, url)))).every(Boolean) && isQuiet(),
        recoveryTimeoutMs,
      )
      const now = Date.now()
      for (const span of faults) span.to = Math.min(span.to, now)
      return now - began
    },
    [Symbol.asyncDispose]: () => stop().catch(() => {}),
  }
}
