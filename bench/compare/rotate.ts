import type { ClosedLoopResult } from './closed-loop.ts'
import type { Session } from './latchkey-data.ts'
import type { Running } from './process.ts'
import { rotating, type TargetRequests } from './requests.ts'
import type { Run } from './run.ts'

type Rotation = {
  running: Running
  renewals: Session[]
  requests: TargetRequests
  warmUp: number
  measure: number
}

/** Refreshes one session on each connection, and keeps the last tokens for the next time. */
export const rotate = (
  run: Run,
  { running, renewals, requests, warmUp, measure }: Rotation,
): Promise<ClosedLoopResult> => {
  if (!requests.refresh) throw new Error('the service has no refresh')
  const tokens = renewals.map(session => session.refresh)
  const job = {
    ...{ port: running.port, pids: running.pids, warmUp, measure },
    connections: rotating(requests.refresh, tokens),
  }
  return run.load.rotatingLoop(job, last => keepTokens(renewals, last))
}

/** Replaces the refresh tokens of these sessions. */
export const keepTokens = (sessions: Session[], tokens: string[]): void => {
  for (const [at, refresh] of tokens.entries()) Object.assign(sessions[at] ?? {}, { refresh })
}
