import type { Context } from 'koa'
import type { Problem } from '../catalog/problems.ts'
import { isOAuthRequest, oauthJson } from './oauth-json.ts'
import { problemJson } from './problem-json.ts'

/** Sends a problem instead of any reply that was prepared before. */
export const sendProblem = (ctx: Context, problem: Problem): void => {
  const reply = isOAuthRequest(ctx)
    ? oauthJson(problem)
    : problemJson(problem, ctx.state.requestId, ctx.state.base)
  ctx.status = reply.status
  ctx.body = JSON.stringify(reply.body)
  ctx.set(reply.headers)
}
