/** A text as code, or a dash if it is empty. */
export const code = (text: string): string => (text ? `\`${text}\`` : '–')

/** A table in Markdown. */
export const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
