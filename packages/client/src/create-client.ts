import type { User } from './api-types.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import type { Client } from './client-type.ts'
import { openEvents } from './events.ts'
import { joinPeers } from './join-peers.ts'
import { type ClientOptions, readOptions } from './options.ts'
import { postLogout } from './post-logout.ts'
import { openRefresher, type Refresher } from './refresher.ts'
import { type Reply, type RequestFields, sendRequest } from './request.ts'
import { openSettle } from './settle.ts'
import { openState } from './state.ts'
import { openStorage, storageKey } from './storage.ts'

const auth = '/api/v1/auth'

/** Routes whose reply starts a session, and which take `token_transport`. */
const startsSession =
  /^POST \/api\/v1\/auth\/(?:register|login|login\/mfa|login\/passkey|login\/email\/confirm|providers\/[^/]+\/finish)$/

/** Routes after which the session has a second factor, which only a new access token shows to other services. */
const addsFactor = /^POST \/api\/v1\/auth\/factors\/(?:totp\/confirm|passkeys)$/

/** Makes a client of a service. On a server, make one for each user: a client holds one session. */
export const createClient = (options: ClientOptions): Client => {
  const settings = readOptions(options)
  const { isCookie } = settings
  const { emit, onChange } = openEvents()
  const state = openState(openStorage(settings.storage, storageKey(settings.baseUrl)), emit)
  const peers = joinPeers(settings, state, () => refresher)
  const refresher: Refresher = openRefresher(settings, state, peers)
  const fetch = authorizedFetch(settings, refresher)

  const settle = openSettle(isCookie, state, peers)

  const call = async (method: string, path: string, fields: RequestFields = {}): Promise<Reply> => {
    const name = `${method} ${path}`
    if (!startsSession.test(name)) {
      const reply = await settle.reply(await sendRequest(fetch, settings, method, path, fields), name)
      // In the background: the reply may hold recovery codes, which must be shown even if the refresh fails.
      const held = addsFactor.test(name) ? state.held() : null
      if (held) refresher.renew(held).catch(() => {})
      return reply
    }
    // The reply to a refresh of the previous session must not replace the cookie of the new one.
    await refresher.idle()
    const body = { ...(fields.body as object), token_transport: isCookie ? 'cookie' : 'body' }
    return settle.reply(await sendRequest(settings.fetch, settings, method, path, { ...fields, body }), name)
  }

  const renew = async (): Promise<void> => {
    const before = state.held()
    const held = await refresher.current()
    if (held && held === before) await refresher.renew(held)
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
        if (!isCookie) await settle.end()
        throw error
      }
      await settle.end()
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
    refresh: renew,
    request: (method: string, path: string, fields?: RequestFields) => call(method, path, fields),
    fetch,
    onChange,
    close: peers.close,
  } as Client
}
