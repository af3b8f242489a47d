export type Table = { head: string[]; rows: string[][] }

const isFigure = (cell: string): boolean => /^[\d–]|^$/.test(cell)

export const markdownTable = ({ head, rows }: Table): string => {
  const line = head.map((_, at) => (rows.every(cells => isFigure(cells[at] ?? '')) ? '--:' : '---'))
  return [head, line, ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** A table with aligned columns. */
export const terminalTable = ({ head, rows }: Table): string => {
  const all = [head, ...rows]
  const widths = head.map((_, at) => Math.max(...all.map(cells => (cells[at] ?? '').length)))
  return all
    .map(cells =>
      cells
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
