import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import test from 'ava'
import { loadKoaBody } from '../../../src/platform/http/koa-body-patches.ts'

const require = createRequire(import.meta.url)
const file = join(dirname(require.resolve('koa-body')), 'types.js')

const isZodLoaded = () => Object.keys(require.cache).some(path => path.includes('/node_modules/zod/'))

// If koa-body no longer loads zod without the patch, remove the patch.
test('koa-body is loaded → it loads zod only without the patch, and options get the same defaults', t => {
  loadKoaBody()
  t.true(Object.keys(require.cache).includes(require.resolve('koa-body')))
  t.false(isZodLoaded())
  const patched = require(file)
  delete require.cache[file]
  const original = require(file)
  t.true(isZodLoaded())
  t.deepEqual(patched.HttpMethodEnum, original.HttpMethodEnum)
  for (const options of [
    {},
    { json: false, jsonLimit: '16kb', includeUnparsed: true, parsedMethods: ['PUT'] },
  ])
    t.deepEqual(
      patched.KoaBodyMiddlewareOptionsSchema.parse(options),
      original.KoaBodyMiddlewareOptionsSchema.parse(options),
    )
})
