import { fileURLToPath } from 'node:url'

/** The format of the profiler of V8. Times in microseconds. */
export type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[]
  startTime: number
  samples: number[]
  timeDeltas: number[]
}

/** The part of a profile that is drawn, in its own clock. */
export type Window = { from: number; to: number }

/** A function on a stack. `self` and `total` in microseconds, `total` with the functions that it calls. */
export type Frame = { name: string; file: string; self: number; total: number; children: Frame[] }

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A path inside the repository or a package: it is the same on every machine. */
const fileOf = (url: string): string => {
  const path = url.startsWith('file://') ? fileURLToPath(url) : url
  const [, inPackage] = /^.*\/node_modules\/(.*)$/.exec(path) ?? []
  if (inPackage) return inPackage
  return path.startsWith(root) ? path.slice(root.length) : path
}

/** The time of each node inside the window. */
const selfTimes = ({ samples, timeDeltas, startTime }: CpuProfile, { from, to }: Window) => {
  const times = new Map<number, number>()
  let at = startTime
  for (const [index, node] of samples.entries()) {
    // The time until the next sample belongs to this one.
    at += timeDeltas[index] ?? 0
    const took = timeDeltas[index + 1] ?? 0
    if (at >= from && at < to && took > 0) times.set(node, (times.get(node) ?? 0) + took)
  }
  return times
}

/** Functions that wait, or that only say where the tree begins. */
const left = ['(root)', '(idle)']

/** The tree of calls. Calls of one function in the same place are one frame, and so is a function that calls itself. */
export const frameTree = (profile: CpuProfile, window: Window): Frame => {
  const times = selfTimes(profile, window)
  const nodes = new Map(profile.nodes.map(node => [node.id, node]))
  const childOf = (parent: Frame, name: string, file: string): Frame => {
    if (parent.name === name && parent.file === file) return parent
    const known = parent.children.find(each => each.name === name && each.file === file)
    if (known) return known
    const child = { name, file, self: 0, total: 0, children: [] }
    parent.children.push(child)
    return child
  }
  const add = (id: number, parent: Frame): void => {
    const node = nodes.get(id)
    if (!node || node.callFrame.functionName === '(idle)') return
    const { functionName, url } = node.callFrame
    const isFrame = !left.includes(functionName)
    const frame = isFrame ? childOf(parent, functionName || '(anonymous)', fileOf(url)) : parent
    frame.self += times.get(id) ?? 0
    for (const child of node.children ?? []) add(child, frame)
  }
  const top: Frame = { name: 'all', file: '', self: 0, total: 0, children: [] }
  add(profile.nodes[0]?.id ?? 0, top)
  const sum = (frame: Frame): number => {
    frame.total = frame.self + frame.children.reduce((total, child) => total + sum(child), 0)
    frame.children.sort((a, b) => b.total - a.total)
    return frame.total
  }
  sum(top)
  return top
}
