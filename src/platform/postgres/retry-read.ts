import { setTimeout as sleep } from 'node:timers/promises'
import { isConnectionLost } from '../base/store-errors.ts'

/** Repeats a read, which changes nothing, where its connection was lost. */
export const retryRead = async <T>(read: () => Promise<T>): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    if (!isConnectionLost(error)) throw error
    // Others of the pool were perhaps ended with it, and it is about to hear of them.
    await sleep(25)
    return read()
  }
}
