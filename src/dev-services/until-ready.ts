import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a service says that it is ready; false where it is not `alive` before that. */
export const untilReady = async (url: string, alive: () => boolean): Promise<boolean> => {
  while (alive()) {
    const ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) }).then(
      reply => reply.ok,
      () => false,
    )
    if (ready) return true
    await sleep(100)
  }
  return false
}
