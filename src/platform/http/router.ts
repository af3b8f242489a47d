import type KoaRouter from '@koa/router'
import { require } from '../base/lazy-require.ts'

// The entry for `import` would import `node:http`.

export type Router = KoaRouter
export const { Router }: typeof import('@koa/router') = require('@koa/router')
