// A hook for React: const session = useSession() is undefined while loading, null if no one is signed in.
import { createClient } from '@latchkey/client'
import { useSyncExternalStore } from 'react'

export const client = createClient({ baseUrl: 'https://accounts.example.com', transport: 'cookie' })

let session
const subscribe = changed => {
  const set = next => {
    session = next
    changed()
  }
  const remove = client.onChange((_event, next) => set(next))
  // A failed request is no sign-out: the session stays unknown until the next attempt.
  client.session().then(set, () => {})
  return remove
}

export const useSession = () =>
  useSyncExternalStore(
    subscribe,
    () => session,
    () => undefined,
  )
