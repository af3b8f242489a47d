import type { Context } from 'koa'
import type { Problem } from '../catalog/problems.ts'
import { isOAuthRequest, oauthJson } from './oauth-json.ts'
import { problemJson } from './problem-json.ts'
import { type Reply, setHeaders, setText } from './reply.ts'
import { replyThroughKoa } from './through-koa.ts'

/** Fills a reply with a problem, in place of any reply that was prepared before. Headers that are already set stay. */
export const fillProblem = (reply: Reply, ctx: Context, problem: Problem): void => {
  const { status, headers, body } = isOAuthRequest(ctx)
    ? oauthJson(problem)
    : problemJson(problem, ctx.state.requestId, ctx.state.base)
  reply.status = status
  setText(reply, headers['Content-Type'] ?? '', JSON.stringify(body))
  setHeaders(reply.headers, headers)
}

/** Sends a problem through Koa, in place of any reply that was prepared before. */
export const sendProblem = (ctx: Context, problem: Problem): void => {
  const reply: Reply = { status: 0, headers: [], body: null }
  fillProblem(reply, ctx, problem)
  replyThroughKoa(ctx, reply)
}
