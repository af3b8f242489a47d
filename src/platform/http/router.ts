import type KoaRouter from '@koa/router'
import { require } from '../base/lazy-require.ts'

// Loaded with `require`: the entry for `import` would import `node:http` (see node-http.ts).

export type Router = KoaRouter
export const { Router }: typeof import('@koa/router') = require('@koa/router')
