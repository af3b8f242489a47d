import type { Frame } from './tree.ts'

// Draws a flame graph without a library. It follows the light or dark setting of the reader.

const width = 1200
const rowHeight = 18
const characterWidth = 6.7
const top = 64
/** Frames below this share of the time are too narrow to be seen. */
const leastShare = 0.0015

const kinds = {
  own: 'Latchkey',
  library: 'libraries',
  node: 'Node',
  native: 'native, garbage collection',
} as const

type Kind = keyof typeof kinds

const kindOf = ({ file }: Frame): Kind => {
  if (file === '') return 'native'
  if (file.startsWith('node:')) return 'node'
  return /^(src|packages)\//.test(file) ? 'own' : 'library'
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)

const style = `
    text { font: 12px ui-monospace, monospace; fill: #1f2328 }
    .title { font: 600 15px system-ui, sans-serif }
    .note { font: 12px system-ui, sans-serif; fill: #57606a }
    rect { stroke: #fff; stroke-width: .5 }
    .paper { fill: #fff; stroke: none }
    g:hover > rect { stroke: #1f2328; stroke-width: 1 }
    .own { fill: #80b8f5 }
    .library { fill: #f2c179 }
    .node { fill: #a5d6a0 }
    .native { fill: #c9ced6 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #9198a1 }
      rect { stroke: #0d1117 }
      .paper { fill: #0d1117 }
      g:hover > rect { stroke: #e6edf3 }
      .own { fill: #1f5fa8 }
      .library { fill: #85581a }
      .node { fill: #2f6b36 }
      .native { fill: #484f58 }
    }`

type Placed = { frame: Frame; depth: number; x: number; width: number }

/** Where each frame stands: a call is above its caller, and the widest of several calls is first. */
const placed = (frame: Frame, whole: number, depth = 0, x = 0): Placed[] => {
  if (frame.total / whole < leastShare) return []
  const own = { frame, depth, x, width: (frame.total / whole) * width }
  const calls: Placed[] = []
  let left = x
  for (const child of frame.children) {
    calls.push(...placed(child, whole, depth + 1, left))
    left += (child.total / whole) * width
  }
  return [own, ...calls]
}

const labelOf = ({ name, file }: Frame, room: number): string => {
  const short = file.split('/').at(-1) ?? ''
  // A function without a name is known by its file.
  const isNamed = name !== '(anonymous)' || short === ''
  const whole = isNamed ? `${name} ${short}`.trim() : short
  const most = Math.floor((room - 6) / characterWidth)
  if (most < 3) return ''
  const text = whole.length <= most || !isNamed ? whole : name
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** `requests` were answered in the time of the profile. */
export const flameGraph = (tree: Frame, about: { title: string; requests: number }): string => {
  const all = placed(tree, tree.total)
  const deepest = Math.max(...all.map(({ depth }) => depth))
  const height = top + (deepest + 1) * rowHeight + 10
  const micros = (time: number): string => `${(time / about.requests).toFixed(1)} µs`
  const groups = all.map(({ frame, depth, x, width }) => {
    const y = top + (deepest - depth) * rowHeight
    const share = `${((frame.total / tree.total) * 100).toFixed(1)} %`
    const tooltip = `${frame.name} ${frame.file}\n${share}, ${micros(frame.total)} a request, ${micros(frame.self)} of it itself`
    const label = labelOf(frame, width)
    const text = label && `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`
    return `<g><title>${escaped(tooltip)}</title><rect class="${kindOf(frame)}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${rowHeight - 1}" rx="1"/>${text}</g>`
  })
  const legend = Object.entries(kinds).map(([kind, name], at) => {
    const x = 720 + at * 90
    return `<rect class="${kind}" x="${x}" y="34" width="12" height="12"/><text class="note" x="${x + 17}" y="45">${name}</text>`
  })
  const note = `${about.requests.toLocaleString('en')} requests, ${micros(tree.total)} each while the profiler runs. Width is CPU time; a call is above its caller.`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Flame graph of ${escaped(about.title)}">
  <style>${style}
  </style>
  <rect class="paper" width="${width}" height="${height}"/>
  <text class="title" x="10" y="22">${escaped(about.title)}</text>
  <text class="note" x="10" y="45">${escaped(note)}</text>
  ${legend.join('\n  ')}
  ${groups.join('\n  ')}
</svg>
`
}
