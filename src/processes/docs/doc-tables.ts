import { variables } from '../../config.ts'
import { emails as allEmails, auditEvents, counters, limits, problems, scopes } from '../../modules.ts'
import type { LimitedBy } from '../../platform/catalog/limits.ts'
import { gauges, requestSeconds } from '../../platform/catalog/metrics.ts'
import { codeDigits, isCodePurpose } from '../../platform/catalog/token-purposes.ts'
import { code, table } from './markdown.ts'
import { routeTables } from './route-tables.ts'
import { tokenVectors } from './token-vectors.ts'

// The tables of the documentation in Markdown, derived from the catalogues.

const day = 86_400_000
const hour = 3_600_000

const span = (milliseconds: number): string => {
  if (milliseconds > day && milliseconds % day === 0) return `${milliseconds / day} d`
  return milliseconds % hour === 0 ? `${milliseconds / hour} h` : `${milliseconds / 60_000} min`
}

const configuration = (): string =>
  table(
    ['Name', 'Default', 'Meaning'],
    Object.entries(variables).map(([name, { help, default: standard = '', needed = [] }]) => {
      return [code(name), needed.length > 0 ? `required (${needed.join(', ')})` : code(standard), help]
    }),
  )

const countedBy: Record<LimitedBy, string> = {
  ip: 'IP address',
  session: 'session',
  'session and ip': 'session and IP address',
  recipient: 'mailbox',
  token: 'one-time token',
  user: 'user',
  device: 'device',
  client: 'machine client',
  service: 'whole service',
}

const limitTable = (): string =>
  table(
    ['Name', 'At most', 'Counted by'],
    limits.map(({ name, points, window, by }) => {
      return [code(name), `${points} / ${span(window)}`, countedBy[by]]
    }),
  )

const problemTable = (): string =>
  table(
    ['Code', 'Status', 'Title', 'Meaning'],
    problems.map(problem => [code(problem.code), `${problem.status}`, problem.title, problem.help]),
  )

const reasons = (): string =>
  table(
    ['Code', '`detail`'],
    problems.flatMap(({ code: name, details = {} }) =>
      Object.values(details).map(sentence => [code(name), sentence]),
    ),
  )

const metricRow = (name: string, type: string, labels: readonly string[], help: string): string[] => [
  code(`latchkey_${name}`),
  type,
  labels.map(code).join(', ') || '–',
  help,
]

const metrics = (): string =>
  table(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    [
      ...counters.map(({ name, help, labels }) => metricRow(`${name}_total`, 'counter', labels, help)),
      metricRow(requestSeconds.name, 'histogram', requestSeconds.labels, requestSeconds.help),
      ...Object.values(gauges).map(({ name, help }) => metricRow(name, 'gauge', [], help)),
    ],
  )

const auditEventTable = (): string =>
  table(
    ['Type', 'Recorded on', '`data`'],
    Object.entries(auditEvents).map(([type, { on, data }]) => [code(type), on, data || '–']),
  )

const scopeRows = Object.entries(scopes).map(([name, allows]) => [code(name), allows])

const emailTable = (): string =>
  table(
    ['Email', 'Link works for', 'Digits of the code', 'Values for templates'],
    allEmails.map(({ kind, variables, token }) => [
      code(kind),
      token ? span(token.lifetime) : '–',
      token && isCodePurpose(token.purpose) ? `${codeDigits[token.purpose]}` : '–',
      variables.map(code).join(' '),
    ]),
  )

const vectorTable = (): string =>
  table(
    ['Token', 'Result', '`beyond_paseto`'],
    tokenVectors.tokens.map(({ name, result, beyond_paseto: isBeyond }) => [
      name,
      code(result),
      isBeyond ? 'true' : '',
    ]),
  )

/** Every derived table, by the name of its marker: `<!-- generated: limits -->`. */
export const docTables: Readonly<Record<string, () => string>> = {
  configuration,
  limits: limitTable,
  problems: problemTable,
  'problem details': reasons,
  metrics,
  'audit events': auditEventTable,
  scopes: () => table(['Scope', 'Allows'], scopeRows),
  emails: emailTable,
  'token vectors': vectorTable,
  ...routeTables,
}
