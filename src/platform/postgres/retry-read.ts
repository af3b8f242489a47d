import { setTimeout as sleep } from 'node:timers/promises'
import { isConnectionLost } from '../base/store-errors.ts'

/** Runs a read again if its connection was lost. This is safe, as a read changes nothing. */
export const retryRead = async <T>(read: () => Promise<T>): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    if (!isConnectionLost(error)) throw error
    // The server may have ended other connections of the pool too, and the pool notices that a moment later.
    await sleep(25)
    return read()
  }
}
