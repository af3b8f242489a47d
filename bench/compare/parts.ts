import { growth } from './growth.ts'
import { guard } from './guard.ts'
import { login } from './login.ts'
import { mails } from './mails.ts'
import { me } from './me.ts'
import { memory } from './memory.ts'
import { processes } from './processes.ts'
import { refresh } from './refresh.ts'
import type { Part, Run, Section } from './run.ts'
import { startup } from './startup.ts'
import { steady } from './steady.ts'

/** A part whose figures may have been read from a file. */
export type AnyPart = {
  needs: readonly string[]
  measure: (run: Run) => Promise<unknown>
  describe: (figures: unknown) => Section
}

const part = <Figures>({ needs, measure, describe }: Part<Figures>): AnyPart => ({
  ...{ needs, measure },
  describe: figures => describe(figures as Figures),
})

/** All parts, in the order of the report. */
export const parts: Record<string, AnyPart> = {
  guard: part(guard),
  me: part(me),
  refresh: part(refresh),
  login: part(login),
  steady: part(steady),
  mails: part(mails),
  startup: part(startup),
  memory: part(memory),
  processes: part(processes),
  growth: part(growth),
}
