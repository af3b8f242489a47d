import type * as koa from 'koa'
import { require } from '../base/lazy-require.ts'
import { loadMimeTypesLate } from './koa-patches.ts'

loadMimeTypesLate()

export const Koa: typeof koa.default = require('koa')
