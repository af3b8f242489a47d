import type { Section } from './run.ts'

// Draws bars without a library. They follow the light or dark setting of the reader.

const width = 760
const barLeft = 250
const barMost = 400
const lineHeight = 26

const escaped = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)

const style = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 14px }
    .note { font-size: 12px; fill: #57606a }
    .bar { fill: #8c959f }
    .own { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #9198a1 }
      .bar { fill: #656c76 }
      .own { fill: #4493f8 }
    }`

const group = ({ title, bars = [] }: Section, top: number): { lines: string[]; height: number } => {
  const most = Math.max(...bars.map(({ cpu }) => cpu))
  const lines = bars.flatMap(({ name, cpu }, at) => {
    const y = top + 34 + at * lineHeight
    const length = Math.max(2, Math.round((cpu / most) * barMost))
    const own = name.includes('Latchkey') ? 'bar own' : 'bar'
    return [
      `<text x="${barLeft - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${own}" x="${barLeft}" y="${y}" width="${length}" height="18" rx="2"/>`,
      `<text x="${barLeft + length + 8}" y="${y + 14}">${Math.round(cpu)} µs</text>`,
    ]
  })
  return {
    lines: [`<text class="title" x="10" y="${top + 18}">${escaped(title)}</text>`, ...lines],
    height: 46 + bars.length * lineHeight,
  }
}

/** CPU time a request: shorter is better. */
export const chart = (sections: Section[], note: string): string => {
  let height = 12
  const lines: string[] = []
  for (const section of sections.filter(({ bars }) => bars && bars.length > 0)) {
    const drawn = group(section, height)
    lines.push(...drawn.lines)
    height += drawn.height
  }
  lines.push(`<text class="note" x="10" y="${height + 12}">${escaped(note)}</text>`)
  height += 26
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="CPU time a request, by service">
  <style>${style}
  </style>
  ${lines.join('\n  ')}
</svg>
`
}
