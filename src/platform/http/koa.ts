import type * as koa from 'koa'
import { require } from '../base/lazy-require.ts'
import { loadMimeTypesLate } from './koa-patches.ts'

// Before Koa, which reads the patched packages while it loads.
loadMimeTypesLate()

export const Koa: typeof koa.default = require('koa')
