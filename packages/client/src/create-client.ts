import type { User } from './api-types.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import type { Client } from './client-type.ts'
import { openEvents } from './events.ts'
import { grantOf, grantOfReply, type Held, withAccessToken } from './grant.ts'
import { joinPeers } from './join-peers.ts'
import { type ClientOptions, readOptions } from './options.ts'
import { postLogout } from './post-logout.ts'
import { openRefresher, type Refresher } from './refresher.ts'
import { type Reply, type RequestFields, sendRequest } from './request.ts'
import { openState } from './state.ts'
import { openStorage } from './storage.ts'

const auth = '/api/v1/auth'

/** Routes whose reply starts a session, and which take `token_transport`. */
const startsSession =
  /^POST \/api\/v1\/auth\/(?:register|login|login\/mfa|login\/passkey|login\/email\/confirm|providers\/[^/]+\/finish)$/

/** Requests after which the session has ended, if the reply holds no new one. */
const endsSession =
  /^(?:POST \/api\/v1\/auth\/(?:logout|logout-all|change-password)|PUT \/api\/v1\/auth\/change-password|DELETE \/api\/v1\/auth\/me)$/

const withoutTokens = (body: object): object => {
  const { access_token: _, refresh_token: __, ...rest } = body as Record<string, unknown>
  return rest
}

/** Makes a client of a service. On a server, make one for each user: a client holds one session. */
export const createClient = (options: ClientOptions): Client => {
  const settings = readOptions(options)
  const { isCookie } = settings
  const { emit, onChange } = openEvents()
  const state = openState(openStorage(settings.storage, `latchkey:${settings.baseUrl}`), emit)
  const peers = joinPeers(settings, state, () => refresher)
  const refresher: Refresher = openRefresher(settings, state, peers)
  const fetch = authorizedFetch(settings, refresher)

  const start = async (got: Held): Promise<void> => {
    await state.start(got)
    peers.send({ type: 'changed', grant: isCookie ? grantOf(got) : null })
  }

  const end = async (): Promise<void> => {
    const held = state.held()
    await state.end()
    if (held) peers.send({ type: 'ended', sessionId: held.sessionId })
  }

  /** Takes over the tokens of a reply, and removes them from it. */
  const settle = async (reply: Reply, name: string): Promise<Reply> => {
    const { body } = reply
    if (typeof body !== 'object' || body === null || !('access_token' in body)) {
      if (endsSession.test(name)) await end()
      return reply
    }
    if ('session_id' in body) await start(grantOfReply(body))
    else {
      const held = await state.sync()
      const got = held && withAccessToken(held, body)
      if (got) await start(got)
    }
    return { ...reply, body: withoutTokens(body) }
  }

  const call = async (method: string, path: string, fields: RequestFields = {}): Promise<Reply> => {
    const name = `${method} ${path}`
    if (!startsSession.test(name))
      return settle(await sendRequest(fetch, settings, method, path, fields), name)
    // The reply to a refresh of the previous session must not replace the cookie of the new one.
    await refresher.idle()
    const body = { ...(fields.body as object), token_transport: isCookie ? 'cookie' : 'body' }
    return settle(await sendRequest(settings.fetch, settings, method, path, { ...fields, body }), name)
  }

  const user = async (method: string, path: string, body?: object): Promise<User> =>
    (await call(method, auth + path, body && { body })).body as User

  const signIn = async (path: string, body: object): Promise<User> =>
    ((await call('POST', auth + path, { body })).body as { user: User }).user

  return {
    register: async body => {
      const { status, body: made } = await call('POST', `${auth}/register`, { body })
      return { user: (made as { user?: User }).user ?? null, isSignedIn: status === 201 }
    },
    login: body => signIn('/login', body),
    loginMfa: answer => signIn('/login/mfa', answer),
    logout: async () => {
      await refresher.idle()
      const held = await state.sync()
      if (!held && !isCookie) return
      try {
        await postLogout(settings, held)
      } catch (error) {
        if (!isCookie) await end()
        throw error
      }
      await end()
    },
    logoutAll: async () => {
      await call('POST', `${auth}/logout-all`)
    },
    me: () => user('GET', '/me'),
    updateMe: changes => user('PATCH', '/me', changes),
    reauthenticate: async body => {
      await refresher.idle()
      await call('POST', `${auth}/reauthenticate`, { body })
    },
    session: async () => {
      const held = await refresher.current()
      return held && { userId: held.userId, sessionId: held.sessionId }
    },
    accessToken: async () => (await refresher.current())?.accessToken ?? null,
    refresh: async () => {
      const before = state.held()
      const held = await refresher.current()
      if (held && held === before) await refresher.renew(held)
    },
    request: (method: string, path: string, fields?: RequestFields) => call(method, path, fields),
    fetch,
    onChange,
    close: peers.close,
  } as Client
}
