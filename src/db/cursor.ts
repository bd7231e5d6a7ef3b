import { z } from 'zod'

import { readMoment } from './moment.ts'

const Cursor = z.tuple([z.string().max(300), z.string().max(300)])
const NUL = '\0'

/** A page of a list, and where the next one begins; undefined at the end. */
export type Listing<Item> = { items: Item[]; next: string | undefined }
export const PAGE_ROWS = 50

/** What is shown of rows that were read, of which one more than is shown tells that there is a next page. */
export function pageOf<Item>(
  rows: readonly Item[],
  limit: number,
  cursorOf: (last: Item) => string,
): Listing<Item> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last ? cursorOf(last) : undefined }
}

/** Where a page of a list ends: the value that it is sorted by, and an id. Only this program has to read it. */
export const writeCursor = (value: string, id: string): string =>
  Buffer.from(JSON.stringify([value, id])).toString('base64url')

/** What the value of a cursor may be: of another sort of list it is none. */
const IS: Readonly<Record<'moment' | 'number' | 'text', (value: string) => boolean>> = {
  moment: (value) => readMoment(value)?.toISOString() === value,
  number: (value) => /^-?\d{1,18}$/.test(value),
  text: () => true,
}

/** The same of a list that is sorted by that. */
export function readCursorOf(text: string | undefined, kind: keyof typeof IS) {
  const cursor = readCursor(text)
  return cursor && IS[kind](cursor[0]) ? cursor : undefined
}

/** Undefined for what is no cursor: the list then begins at its beginning. */
export function readCursor(text: string | undefined): readonly [string, string] | undefined {
  if (text === undefined) return undefined
  try {
    const { data } = Cursor.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    return data?.some((part) => part.includes(NUL)) ? undefined : data
  } catch {
    return undefined
  }
}
