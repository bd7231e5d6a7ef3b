export const FORGOTTEN = '[forgotten]'
/** What looks like an e-mail address, in the words of a service that a reason repeats. */
export const EMAIL = String.raw`[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:]+`
/** A shorter name is part of too many words. */
const LEAST_NAME_LETTERS = 3

/** Whether a name can be looked for in words. */
export const isLongEnough = ({ length }: string) => length >= LEAST_NAME_LETTERS
