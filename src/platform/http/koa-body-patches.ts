import { dirname, join } from 'node:path'
import type * as koaBody from 'koa-body'
import { replaceModule, require } from '../base/lazy-require.ts'

// Checked with koa-body 8.0.1. The tests in koa-body-patches.test.ts fail when koa-body no longer needs a patch.

const methods = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const

/** What the schema of koa-body makes of options that it accepts: it adds the default of each missing option. */
const defaults = {
  ...{ patchNode: false, patchKoa: true, includeUnparsed: false, encoding: 'utf-8' },
  ...{ json: true, urlencoded: true, text: true, multipart: false, jsonStrict: true },
  ...{ jsonLimit: '1mb', formLimit: '56kb', textLimit: '56kb' },
  jsonTypes: [
    ...['application/json', 'application/json-patch+json', 'application/vnd.api+json'],
    ...['application/csp-report', 'application/reports+json'],
  ],
  ...{ urlencodedTypes: ['urlencoded'], textTypes: ['text/*'], multipartTypes: ['multipart'] },
  parsedMethods: ['POST', 'PUT', 'PATCH'],
}

/**
 * Symptom: koa-body checks its options by a schema of zod, so that it loads 95 files, which is most of its start and
 * memory. No public report found. The options here never vary and the compiler checks them, so they are not checked again.
 */
export const loadKoaBody = (): typeof koaBody => {
  replaceModule(join(dirname(require.resolve('koa-body')), 'types.js'), {
    HttpMethodEnum: Object.fromEntries(methods.map(method => [method, method])),
    KoaBodyMiddlewareOptionsSchema: { parse: (options: object) => ({ ...defaults, ...options }) },
  })
  return require('koa-body')
}
