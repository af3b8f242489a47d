import { allEmails } from '../../emails.ts'
import { type AuditType, auditEvents, auditTypes } from '../../platform/catalog/audit-events.ts'
import { defaultLimits, type LimitedBy, limitNames } from '../../platform/catalog/limits.ts'
import { counters, gauges, histograms } from '../../platform/catalog/metrics.ts'
import { detailsOf } from '../../platform/catalog/problem-details.ts'
import { codes, problemHelp, problemStatus, problemTitle } from '../../platform/catalog/problems.ts'
import { codeDigits, isCodePurpose } from '../../platform/catalog/token-purposes.ts'
import { type VariableName, variables } from '../../platform/config/variables.ts'
import type { Auth, Route } from '../../platform/http/route.ts'
import { routes } from '../../routes.ts'

// The tables of the documentation in Markdown, derived from the catalogues.

const code = (text: string): string => (text ? `\`${text}\`` : '–')

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

const day = 86_400_000
const hour = 3_600_000

const span = (milliseconds: number): string => {
  if (milliseconds > day && milliseconds % day === 0) return `${milliseconds / day} d`
  return milliseconds % hour === 0 ? `${milliseconds / hour} h` : `${milliseconds / 60_000} min`
}

const configuration = (): string =>
  table(
    ['Name', 'Default', 'Meaning'],
    (Object.keys(variables) as VariableName[]).map(name => {
      const variable: { help: string; default?: string; needed?: readonly string[] } = variables[name]
      const { help, default: standard = '', needed = [] } = variable
      return [code(name), needed.length > 0 ? `required (${needed.join(', ')})` : code(standard), help]
    }),
  )

const countedBy: Record<LimitedBy, string> = {
  ip: 'IP address',
  session: 'session',
  'session and ip': 'session and IP address',
  recipient: 'mailbox',
  proof: 'one-time token',
  user: 'user',
  device: 'device',
  service: 'whole service',
}

const limits = (): string =>
  table(
    ['Name', 'At most', 'Counted by'],
    limitNames.map(name => {
      const { points, window, by } = defaultLimits[name]
      return [code(name), `${points} / ${span(window)}`, countedBy[by]]
    }),
  )

const problems = (): string =>
  table(
    ['Code', 'Status', 'Title', 'Meaning'],
    codes.map(name => [code(name), `${problemStatus(name)}`, problemTitle(name), problemHelp(name)]),
  )

const reasons = (): string =>
  table(
    ['Code', '`detail`'],
    codes.flatMap(name => Object.values(detailsOf(name)).map(sentence => [code(name), sentence])),
  )

const labelled = (labels: readonly string[]): string => labels.map(code).join(', ') || '–'

const metrics = (): string =>
  table(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    [
      ...Object.entries(counters).map(([name, { help, labels }]) => [
        ...[code(`latchkey_${name}_total`), 'counter', labelled(labels), help],
      ]),
      ...Object.entries(histograms).map(([name, { help, labels }]) => [
        ...[code(`latchkey_${name}`), 'histogram', labelled(labels), help],
      ]),
      ...Object.entries(gauges).map(([name, { help }]) => [code(`latchkey_${name}`), 'gauge', '–', help]),
    ],
  )

const auditEventTable = (): string =>
  table(
    ['Type', 'Recorded on', '`data`'],
    auditTypes.map((type: AuditType) => [code(type), auditEvents[type].on, auditEvents[type].data || '–']),
  )

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

const callers: Record<Auth, string> = {
  none: 'anyone',
  optional: 'anyone; an access token, if sent, must be valid',
  bearer: 'access token',
  admin: 'access token of an administrator',
  refresh: 'refresh token',
  bearerOrRefresh: 'access token or refresh token',
}

const routeRow = ({ method, path, summary, auth, limits }: Route): string[] => [
  ...[code(`${method} ${path}`), summary, callers[auth], limits.map(code).join(' ') || '–'],
]

const routeTable = (all: readonly Route[]): string =>
  table(['Route', 'What it does', 'Caller', 'Limits'], all.map(routeRow))

/** A page for people: it opens by a link or a form, and no client calls it. */
const isPage = ({ replies, accepts }: Route): boolean =>
  accepts === 'form' || Object.values(replies).some(reply => reply === 'html')

const core = routes(() => false)
const withShop = routes(() => false, { RECURRENTE_SECRET_KEY: 'sk_test_0123456789abcdef' })
const paths = new Set(core.map(({ path }) => path))

/** Every derived table, by the name of its marker: `<!-- generated: limits -->`. */
export const docTables: Readonly<Record<string, () => string>> = {
  configuration,
  limits,
  problems,
  'problem details': reasons,
  metrics,
  'audit events': auditEventTable,
  emails: emailTable,
  routes: () => routeTable(core.filter(route => !isPage(route))),
  'page routes': () => routeTable(core.filter(isPage)),
  'shop routes': () => routeTable(withShop.filter(({ path }) => !paths.has(path))),
}
