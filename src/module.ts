import type { EntitySchema } from 'typeorm'
import type { Deps, SealedColumn, UserRows } from './deps.ts'
import type { AuditEventDefinition } from './platform/catalog/audit-events.ts'
import type { EmailDefinition } from './platform/catalog/email-definition.ts'
import type { Limit } from './platform/catalog/limits.ts'
import type { Counter } from './platform/catalog/metrics.ts'
import type { ProblemDefinition } from './platform/catalog/problem-definition.ts'
import type { ModuleVariables } from './platform/config/config.ts'
import type { Route } from './platform/http/route.ts'

/**
 * What a module needs to build its routes. `closing` returns whether the process is shutting down, and `draining` whether
 * load balancers should know it.
 */
export type RouteContext = { draining: () => boolean; closing: () => boolean; config: object }

/** The worker calls `run` again `pauseMs` milliseconds after the last call ended. Several workers may run it at the same time. */
export type Job = { run: (deps: Deps) => Promise<unknown>; pauseMs: number }

/**
 * A part of the service: a feature, or an application on top of the features. A process loads only what it uses: the
 * worker loads no routes, the API no jobs, and the help of a command no entities.
 */
export type Module = {
  name: string
  /** The environment variables of the module. */
  variables?: ModuleVariables
  /** The emails that the module sends. */
  emails?: readonly EmailDefinition[]
  /** The problems of the module, and its own reasons of problems of the core. */
  problems?: readonly ProblemDefinition[]
  limits?: readonly Limit[]
  /** What machine clients may do at the routes of the module: what each scope allows, by its name. */
  scopes?: Readonly<Record<string, string>>
  /** The audit events that the module records, by their type. */
  auditEvents?: Readonly<Record<string, AuditEventDefinition>>
  /** The counters that Prometheus shows for the module. */
  counters?: readonly Counter[]
  entities?: () => Promise<EntitySchema[]>
  /** SQL for the rows that the module stores about users. Other features use it to export or reassign them. */
  userRows?: UserRows
  /** The columns in which the module stores sealed secrets. */
  sealedColumns?: readonly SealedColumn[]
  routes?: (context: RouteContext) => Promise<Route[]>
  /** The API listens before it loads these routes, so that it is ready earlier. They are used less often. */
  hasLateRoutes?: true
  jobs?: () => Promise<Job[]>
}
