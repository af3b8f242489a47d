import { createRequire } from 'node:module'
import type Koa from 'koa'
import type { Context, Request } from 'koa'
import { replaceModule, require } from '../base/lazy-require.ts'

// Checked with koa 3.3.0. The tests in koa-patches.test.ts fail when Koa no longer needs a patch.

/** Answers a request, or returns null for one that it does not answer. */
export type AnswerFirst = (ctx: Context) => Promise<void> | null

type Internals = { handleRequest: (ctx: Context, steps: (ctx: Context) => Promise<void>) => Promise<void> }

/**
 * Symptom: Koa watches the end of every reply through on-finished, which creates an AsyncResource and four listeners: a
 * tenth of the CPU time of `GET /auth/me`. No public report found.
 *
 * Here Koa asks `first` before it watches. A request that `first` does not answer passes the steps of the app.
 */
export const answerFirst = (app: Koa, first: AnswerFirst): void => {
  const internals = app as unknown as Internals
  const handle = internals.handleRequest.bind(app)
  internals.handleRequest = (ctx, steps) => first(ctx) ?? handle(ctx, steps)
}

const queryOf = (text: string): Record<string, string | string[]> => {
  const groups = Map.groupBy(new URLSearchParams(text), ([name]) => name)
  return Object.fromEntries(
    Array.from(groups, ([name, pairs]) => {
      const values = pairs.map(([, value]) => value)
      return [name, values.length > 1 ? values : (values[0] ?? '')]
    }),
  )
}

/**
 * Symptom: Koa searches all parameters of a query again for each of them, so that one URL of 15 kB blocks the process for a
 * second (https://github.com/koajs/koa/blob/v3.3.0/lib/search-params.js). Here `ctx.query` reads them once.
 */
export const readQueryOnce = (app: Koa): void => {
  Object.defineProperty(app.request, 'query', {
    get(this: Request) {
      return queryOf(this.querystring)
    },
  })
}

type MimeTypes = Record<'contentType' | 'lookup', (type: string) => string | false>

/**
 * Symptom: Koa and the packages that read `Accept` and `Content-Type` for it load two copies of a table of 2,500 types, which is
 * needed only for a type that is given by its short name, such as `html`. No public report found.
 *
 * Here each copy is loaded at its first use. Call it before Koa is loaded.
 */
export const loadMimeTypesLate = (): void => {
  const koa = createRequire(require.resolve('koa'))
  for (const from of [koa, createRequire(koa.resolve('accepts')), createRequire(koa.resolve('type-is'))]) {
    const path = from.resolve('mime-types')
    let loaded: MimeTypes | undefined
    const load = (): MimeTypes => {
      if (!loaded) {
        delete require.cache[path]
        loaded = require(path) as MimeTypes
      }
      return loaded
    }
    replaceModule(path, {
      contentType: (type: string) => load().contentType(type),
      lookup: (type: string) => load().lookup(type),
    })
  }
}
