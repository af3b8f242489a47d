import { pattern } from '../../platform/base/field-shapes.ts'
import type { Cursor } from './types.ts'

const shape = /^(\d{1,15}-\d{1,10})-([0-9a-f]{12})$/

/** The text of a position, as readers of the feed get it. */
export const writeCursor = ({ id, nonce }: Cursor): string => `${id}-${nonce}`

/** The position of a text that `feedCursor` has accepted. */
export const readCursor = (text: string): Cursor => {
  const [, id = '', nonce = ''] = shape.exec(text) ?? []
  return { id, nonce }
}

export const feedCursor = pattern(
  'cursor',
  'must be the `cursor` of an earlier answer',
  'The `cursor` of the last answer: returns what is new, and waits for it.',
  shape,
)
