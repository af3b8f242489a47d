/** A line of the file: its text, or why it cannot be read. */
export type Line = string | { reason: string }

/** Longer lines are rejected, so that one line cannot fill the memory. */
export const maxLineBytes = 65_536
export const tooLong = { reason: `the line is longer than ${maxLineBytes} bytes` }
