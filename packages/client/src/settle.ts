import { grantOf, grantOfReply, type Held, withAccessToken } from './grant.ts'
import type { Peers } from './peers.ts'
import type { Reply } from './request.ts'
import type { State } from './state-type.ts'

/** Requests after which the session has ended, if the reply holds no new one. */
const endsSession =
  /^(?:POST \/api\/v1\/auth\/(?:logout|logout-all|change-password)|PUT \/api\/v1\/auth\/change-password|DELETE \/api\/v1\/auth\/me)$/

const withoutTokens = (body: object): object => {
  const { access_token: _, refresh_token: __, ...rest } = body as Record<string, unknown>
  return rest
}

export type Settle = {
  /** Takes over the tokens of a reply, and removes them from it. `name`: method and path of the request. */
  reply: (reply: Reply, name: string) => Promise<Reply>
  /** Signs out here and in other tabs. */
  end: () => Promise<void>
}

/** Applies what a reply says about the session. */
export const openSettle = (isCookie: boolean, state: State, peers: Peers): Settle => {
  const start = async (got: Held): Promise<void> => {
    await state.start(got)
    peers.send({ type: 'changed', grant: isCookie ? grantOf(got) : null })
  }

  const end = async (): Promise<void> => {
    const held = state.held()
    await state.end()
    if (held) peers.send({ type: 'ended', sessionId: held.sessionId })
  }

  const reply = async (got: Reply, name: string): Promise<Reply> => {
    const { body } = got
    if (typeof body !== 'object' || body === null || !('access_token' in body)) {
      if (endsSession.test(name)) await end()
      return got
    }
    if ('session_id' in body) await start(grantOfReply(body))
    else {
      const held = await state.sync()
      const renewed = held && withAccessToken(held, body)
      if (renewed) await start(renewed)
    }
    return { ...got, body: withoutTokens(body) }
  }

  return { reply, end }
}
