import type { EntitySchema } from 'typeorm'
import type { Job, Module, RouteContext } from './module.ts'
import type { AuditEventDefinition } from './platform/catalog/audit-events.ts'
import { coreCatalogue } from './platform/catalog/core.ts'
import type { EmailDefinition } from './platform/catalog/email-definition.ts'
import type { Limit } from './platform/catalog/limits.ts'
import type { Counter } from './platform/catalog/metrics.ts'
import { mergeProblems, type ProblemDefinition } from './platform/catalog/problem-definition.ts'
import type { Route } from './platform/http/route.ts'
import { shop } from './shop/module.ts'

// The table of contents: what the service consists of, in the order of its documentation.

const minute = 60_000

export const modules: readonly Module[] = [
  { name: 'core', ...coreCatalogue },
  { name: 'users', entities: async () => [(await import('./features/users/entity.ts')).Users] },
  {
    name: 'accounts',
    routes: async () => (await import('./features/accounts/routes.ts')).accountRoutes,
    jobs: async () => {
      const { eraseAccounts } = await import('./features/accounts/erase-accounts.ts')
      return [{ run: eraseAccounts, pauseMs: 10 * minute }]
    },
  },
  { name: 'login', routes: async () => (await import('./features/login/routes.ts')).loginRoutes },
  {
    name: 'email-login',
    hasLateRoutes: true,
    routes: async ({ config }) => {
      if (!('EMAIL_LOGIN' in config && config.EMAIL_LOGIN === 'on')) return []
      return (await import('./features/email-login/routes.ts')).emailLoginRoutes
    },
  },
  {
    name: 'factors',
    entities: async () => {
      const { Factors, RecoveryCodes } = await import('./features/factors/entity.ts')
      return [Factors, RecoveryCodes]
    },
    hasLateRoutes: true,
    routes: async () => (await import('./features/factors/routes.ts')).factorRoutes,
    jobs: async () => {
      const { purgeFactors } = await import('./features/factors/purge-factors.ts')
      return [{ run: purgeFactors, pauseMs: 10 * minute }]
    },
    sealedColumns: [{ table: 'factors', key: 'id', keyType: 'uuid', column: 'sealed_secret' }],
  },
  {
    name: 'reauthentication',
    routes: async () => (await import('./features/reauthentication/routes.ts')).reauthenticationRoutes,
  },
  {
    name: 'forward-auth',
    routes: async () => (await import('./features/forward-auth/routes.ts')).forwardAuthRoutes,
  },
  {
    name: 'sessions',
    routes: async () => (await import('./features/sessions/routes.ts')).sessionRoutes,
    jobs: async () => {
      const { settleEndings } = await import('./features/sessions/settle-endings.ts')
      return [{ run: settleEndings, pauseMs: 2000 }]
    },
  },
  {
    name: 'email-verification',
    hasLateRoutes: true,
    routes: async () => (await import('./features/email-verification/routes.ts')).verificationRoutes,
  },
  { name: 'passwords', routes: async () => (await import('./features/passwords/routes.ts')).passwordRoutes },
  {
    name: 'email-change',
    hasLateRoutes: true,
    routes: async () => (await import('./features/email-change/routes.ts')).emailChangeRoutes,
  },
  {
    name: 'admin',
    hasLateRoutes: true,
    routes: async () => (await import('./features/admin/routes.ts')).adminRoutes(Object.keys(auditEvents)),
  },
  {
    name: 'audit',
    entities: async () => [(await import('./features/audit/entity.ts')).AuditEvents],
    jobs: async () => {
      const { purgeEvents } = await import('./features/audit/purge-events.ts')
      return [{ run: purgeEvents, pauseMs: 10 * minute }]
    },
  },
  {
    name: 'signing-keys',
    entities: async () => [(await import('./features/signing-keys/entity.ts')).SigningKeys],
    sealedColumns: [{ table: 'signing_keys', key: 'kid', keyType: 'text', column: 'sealed_secret' }],
    routes: async () => (await import('./features/signing-keys/routes.ts')).keyRoutes,
    jobs: async () => {
      const { rotateWhenDue } = await import('./features/signing-keys/rotate-when-due.ts')
      return [{ run: rotateWhenDue, pauseMs: 5000 }]
    },
  },
  {
    name: 'clients',
    entities: async () => {
      const { Clients, ClientSecrets } = await import('./features/clients/entity.ts')
      return [Clients, ClientSecrets]
    },
  },
  {
    name: 'oauth',
    hasLateRoutes: true,
    routes: async ({ config }) => {
      const { oauthRoutes } = await import('./features/oauth/routes.ts')
      const { introspectionRoutes } = await import('./features/introspection/routes.ts')
      const { metadataRoutes } = await import('./features/oauth/metadata-routes.ts')
      const routes = [...oauthRoutes, ...introspectionRoutes]
      return [...routes, ...metadataRoutes(routes, config)]
    },
  },
  {
    name: 'app-secret',
    jobs: async () => {
      const { resealRows } = await import('./features/app-secret/reseal-rows.ts')
      return [{ run: resealRows, pauseMs: 5000 }]
    },
  },
  {
    name: 'revocations',
    entities: async () => [(await import('./features/revocations/entity.ts')).Revocations],
    routes: async ({ closing }) =>
      (await import('./features/revocations/routes.ts')).revocationRoutes(closing),
    jobs: async () => {
      const { openFeedRepair } = await import('./features/revocations/open-feed-repair.ts')
      return [{ run: openFeedRepair(), pauseMs: 2000 }]
    },
  },
  {
    name: 'mail-delivery',
    entities: async () => [(await import('./platform/mail/entity.ts')).Emails],
    jobs: async () => {
      const { sweep } = await import('./features/mail-delivery/sweep.ts')
      const { purgeDroppedEmails } = await import('./features/mail-delivery/purge-dropped-emails.ts')
      const { purgeEmails } = await import('./features/mail-delivery/purge-emails.ts')
      return [
        { run: sweep, pauseMs: 5000 },
        { run: purgeDroppedEmails, pauseMs: 10 * minute },
        { run: purgeEmails, pauseMs: 10 * minute },
      ]
    },
  },
  shop,
  {
    name: 'health',
    routes: async ({ draining }) => (await import('./platform/health/health.ts')).healthRoutes(draining),
  },
]

/** Every email of the service. */
export const emails: readonly EmailDefinition[] = modules.flatMap(({ emails = [] }) => emails)

/** Every problem that the API replies with. */
export const problems: readonly ProblemDefinition[] = mergeProblems(
  modules.flatMap(({ problems = [] }) => problems),
)

/** Every rate limit. */
export const limits: readonly Limit[] = modules.flatMap(({ limits = [] }) => limits)

/** Every counter that Prometheus shows. */
export const counters: readonly Counter[] = modules.flatMap(({ counters = [] }) => counters)

/** Every type of audit event. */
export const auditEvents: Readonly<Record<string, AuditEventDefinition>> = Object.assign(
  {},
  ...modules.map(({ auditEvents }) => auditEvents),
)

/** What each scope of a machine client allows here, by the name of the scope. */
export const scopes: Readonly<Record<string, string>> = Object.assign(
  {},
  ...modules.map(({ scopes }) => scopes),
)

/** Loads every entity of the database. */
export const loadEntities = async (): Promise<EntitySchema[]> =>
  (await Promise.all(modules.map(({ entities }) => entities?.() ?? []))).flat()

/** The SQL of each module for its rows about users, by the name of the module. */
export const userRows = Object.fromEntries(
  modules.flatMap(({ name, userRows: rows }) => (rows ? [[name, rows] as const] : [])),
)

/** Every column of sealed secrets. */
export const sealedColumns = modules.flatMap(({ sealedColumns: columns = [] }) => columns)

/** Loads every route of the service, as configured. */
export const loadRoutes = async (context: RouteContext): Promise<Route[]> =>
  (await Promise.all(modules.map(({ routes }) => routes?.(context) ?? []))).flat()

/** Loads every job of the worker. */
export const loadJobs = async (): Promise<Job[]> =>
  (await Promise.all(modules.map(({ jobs }) => jobs?.() ?? []))).flat()
