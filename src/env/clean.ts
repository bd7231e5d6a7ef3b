/** A value as its variable means it, or why it cannot be taken. */
export type Cleaned = { value: string } | { problem: string }

/** Blanks and line ends, the byte order mark, and the invisible marks that come along from web pages. */
const PACKAGING = '[\\s\\u200B-\\u200F\\u2060\\uFEFF]+'
const AT_EITHER_END = new RegExp(`^${PACKAGING}|${PACKAGING}$`, 'g')
const QUOTES = ['"', "'", '`']

/**
 * Takes off what a value brings along from a file: blanks and line ends at both ends, and quotes around it.
 * `docker --env-file` hands all of them over. Nothing else is changed, and nothing is ever cut.
 */
export function clean(raw: string): Cleaned {
  const value = raw.replaceAll(AT_EITHER_END, '')
  const quote = QUOTES.find((one) => value.startsWith(one))
  if (quote === undefined) return { value }
  if (value.length < 2 || !value.endsWith(quote)) {
    return {
      problem: 'begins with a quotation mark that does not end it: write it without quotes',
    }
  }
  const inner = value.slice(1, -1)
  if (inner.includes(quote)) {
    return { problem: 'is written in quotes, with more of them inside: write it without quotes' }
  }
  return clean(inner)
}
