/** Everything that a customer may be told. */
export type Notice =
  | 'ready'
  | 'paid'
  | 'card_saved'
  | 'processing'
  | 'void'
  | 'not_payable'
  | 'declined'
  | 'preparing'
  | 'waiting'
  | 'unconfirmed'
  | 'unavailable'
  | 'still_waiting'
  | 'failed'
  | 'unknown'

type Text = {
  title: string
  text: string
  mark: string
  /** Leads back to the pay link, where there is something left to be done there. */
  again?: string
  /** Asks for it, which only a person does. */
  press?: string
}

/** The words of each page: the truth, and a way on wherever there is one. */
export const TEXTS: Record<Notice, Text> = {
  ready: {
    mark: '→',
    title: 'Ready when you are',
    text: 'The next page is the secure payment page. Nothing is taken before you confirm it there.',
    press: 'Continue',
  },
  paid: {
    mark: '✓',
    title: 'Paid',
    text: 'Thank you. This is paid, and nothing more is due.',
  },
  card_saved: {
    mark: '✓',
    title: 'Card saved',
    text: 'Your invoices are paid with it from now on. You can close this page.',
    again: 'Save another card',
  },
  declined: {
    mark: '!',
    title: 'The payment was declined',
    text: 'Nothing was taken. Please try again, or use another card.',
    again: 'Pay now',
  },
  processing: {
    mark: '…',
    title: 'Being processed',
    text: 'Your payment is with your bank. This can take some days; you need not do anything.',
  },
  void: {
    mark: '–',
    title: 'No longer due',
    text: 'This invoice was cancelled. Please do not pay it.',
  },
  not_payable: {
    mark: '!',
    title: 'Not payable here',
    text: 'This cannot be paid on this page. Please get in touch with the company that sent it.',
  },
  preparing: {
    mark: '…',
    title: 'One moment',
    text: 'Your payment page is being prepared. This page updates by itself.',
    again: 'Try again',
  },
  waiting: {
    mark: '…',
    title: 'Waiting for the result',
    text: 'We are asking whether your payment went through. This page updates by itself.',
    again: 'Back to the payment',
  },
  unconfirmed: {
    mark: '…',
    title: 'Not finished yet',
    text: 'A payment was begun, and your bank still waits for you to confirm it. Once you have, this page says so. If you left, go on where you were: you never pay twice.',
    again: 'Back to the payment page',
  },
  unavailable: {
    mark: '!',
    title: 'Not available at the moment',
    text: 'Nothing was taken. Please come back in a while: the link stays the same.',
    again: 'Try again',
  },
  still_waiting: {
    mark: '…',
    title: 'Waiting for the result',
    text: 'We do not know yet whether your payment went through. You need not pay again: please open this page once more in a while.',
    again: 'Look again',
  },
  failed: {
    mark: '!',
    title: 'Not available at the moment',
    text: 'Something of ours is not working just now. If you have just paid, that is safe. Please come back in a while.',
    again: 'Try again',
  },
  unknown: {
    mark: '?',
    title: 'Unknown link',
    text: 'There is nothing to be paid behind this link. Is it complete?',
  },
}
