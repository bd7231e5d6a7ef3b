const HAS_LETTER_OR_DIGIT = /[\p{L}\p{N}]/u

/**
 * Whether a text can be an id at all. Encoding leaves dots alone, so `.` and `..` would reach another path: whatever
 * is none of ours to ask for is not there, and no request is made.
 */
export const isId = (text: string) => HAS_LETTER_OR_DIGIT.test(text) && !text.startsWith('.')
