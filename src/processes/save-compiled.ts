import { flushCompileCache } from 'node:module'

/** Late enough that the functions of the first requests are compiled too. */
const afterMs = 2000

/**
 * Saves what V8 compiled to NODE_COMPILE_CACHE, if it is set and can be written. Node does that only at a clean exit, so
 * that a process that is always killed would compile everything at each start. Requests wait meanwhile: a quarter of a second
 * after the first start of a version, and a few milliseconds after later ones.
 */
export const saveCompiledSoon = (): void => {
  setTimeout(flushCompileCache, afterMs).unref()
}
