// Thousands of commands a second wait for their replies, and all of them equally long. They share one timer for each timeout,
// as a timer for each command costs more than sending it.

/** What waits for a reply. Begin with `notWaiting`. */
export type Waiting = {
  due: number
  before: Waiting | null
  after: Waiting | null
  /** Set while it waits for a second time. */
  timer: NodeJS.Timeout | null
  giveUp: () => void
}

export const notWaiting = { due: 0, before: null, after: null, timer: null }

const unlink = (one: Waiting): void => {
  const { before, after } = one
  if (before) before.after = after
  if (after) after.before = before
  one.before = null
  one.after = null
}

/**
 * How long to wait for a second time: as long as this process stalled. Node runs expired timers before it reads sockets, so
 * the reply may be in the socket.
 */
export const secondWait = (due: number, milliseconds: number): number =>
  Math.min(Math.max(performance.now() - due, 1), milliseconds)

/** A list of all that wait this long, in the order in which they are due. */
const openList = (milliseconds: number): ((one: Waiting) => void) => {
  const head: Waiting = { ...notWaiting, giveUp: () => {} }
  head.before = head
  head.after = head
  let timer: NodeJS.Timeout | null = null
  // Unreferenced, as it may run on after the last reply. The socket keeps the process alive.
  const watch = (left: number): void => {
    timer = setTimeout(check, left).unref()
  }
  const check = (): void => {
    timer = null
    for (let first = head.after; first && first !== head; first = head.after) {
      const left = first.due - performance.now()
      if (left > 0) {
        watch(left)
        return
      }
      unlink(first)
      const { giveUp } = first
      first.timer = setTimeout(giveUp.bind(first), secondWait(first.due, milliseconds))
    }
  }
  return one => {
    one.due = performance.now() + milliseconds
    one.before = head.before
    one.after = head
    if (head.before) head.before.after = one
    head.before = one
    if (!timer) watch(milliseconds)
  }
}

const lists = new Map<number, ReturnType<typeof openList>>()

/** Calls `giveUp` after this time, or later by as long as this process stalled. A second call does nothing. */
export const startTimeout = (one: Waiting, milliseconds: number): void => {
  if (one.due > 0) return
  const list = lists.get(milliseconds) ?? openList(milliseconds)
  lists.set(milliseconds, list)
  list(one)
}

/** Stops the timeout, if it runs. */
export const stopTimeout = (one: Waiting): void => {
  unlink(one)
  if (one.timer) clearTimeout(one.timer)
}
