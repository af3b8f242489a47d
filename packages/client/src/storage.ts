import { type Grant, parseGrant } from './grant.ts'
import type { StorageAdapter } from './options.ts'

/** Where the grant of this client is kept. Other tabs may share it. */
export type GrantStorage = {
  read: () => Promise<Grant | null>
  write: (grant: Grant) => Promise<void>
  clear: () => Promise<void>
}

type WebStorage = {
  getItem: (key: string) => string | null
  setItem: (key: string, value: string) => void
  removeItem: (key: string) => void
}

// Deno, and Node from version 25 on, have one `localStorage` for the whole process: users of a server would share a session.
const isServer = (): boolean => {
  const { document, process } = globalThis as {
    document?: unknown
    process?: { versions?: { node?: unknown } }
  }
  return document === undefined && process?.versions?.node !== undefined
}

// Looked up at each use. A browser that blocks it throws.
const web = (): WebStorage | undefined =>
  isServer() ? undefined : (globalThis as { localStorage?: WebStorage }).localStorage

const localStorageAdapter: StorageAdapter = {
  get: key => {
    try {
      return web()?.getItem(key)
    } catch {
      return null
    }
  },
  set: (key, value) => {
    const storage = web()
    if (!storage) throw new Error('localStorage is not available here')
    storage.setItem(key, value)
  },
  remove: key => web()?.removeItem(key),
}

/** The key of the grant in a storage. */
export const storageKey = (baseUrl: string): string => `latchkey:${baseUrl}`

// A tab that is frozen during a slow read continues with what the storage held minutes ago.
const slowRead = 1000

/** Opens a storage. Null for `memory`: then the grant is only in the client. */
export const openStorage = (
  storage: 'memory' | 'localStorage' | StorageAdapter,
  key: string,
): GrantStorage | null => {
  if (storage === 'memory') return null
  const adapter = storage === 'localStorage' ? localStorageAdapter : storage
  const read = async (attempts = 3): Promise<Grant | null> => {
    const began = Date.now()
    const text = await adapter.get(key)
    if (attempts > 1 && Math.abs(Date.now() - began) > slowRead) return read(attempts - 1)
    return text ? parseGrant(text) : null
  }
  return {
    read: () => read(),
    write: async grant => {
      await adapter.set(key, JSON.stringify(grant))
    },
    clear: async () => {
      await adapter.remove(key)
    },
  }
}
