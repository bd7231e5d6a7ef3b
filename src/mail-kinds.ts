/** What a merchant may have mailed to their customers. */
export const CHOSEN_KINDS = ['invoice', 'failed', 'card', 'reminder', 'request'] as const
export type ChosenKind = (typeof CHOSEN_KINDS)[number]

/** Every kind of mail; `account` is one for all that would have been too many in a day. */
export const MAIL_KINDS = [...CHOSEN_KINDS, 'account'] as const
export type MailKind = (typeof MAIL_KINDS)[number]
