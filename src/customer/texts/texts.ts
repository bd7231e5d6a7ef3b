/** Everything that a customer may be told on a page about what they came to pay. */
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
  | 'pdf_later'
  | 'unknown'

/** The truth, and a way on wherever there is one. */
type NoticeText = {
  title: string
  text: string
  /** Leads back to the pay link, where there is something left to be done there. */
  again?: string
  /** Asks for it, which only a person does. */
  press?: string
}

/** What a mail is about: of a decline, `confirm` where the bank wants the customer; of a reminder, before and after. */
export type MailText =
  | 'invoice'
  | 'failed'
  | 'confirm'
  | 'card'
  | 'cardEnds'
  | 'soon'
  | 'overdue'
  | 'request'
  | 'account'

/** By Intl.PluralRules; `{count}` and `{sum}` are put in. */
type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }

/** All words of one language. `{…}` is what is put in. */
export type Texts = {
  /** What the language calls itself. */
  name: string
  notices: Record<Notice, NoticeText>
  /** Why the bank said no, where that is for the customer to know. */
  declines: Record<'funds' | 'details' | 'expired' | 'limit', string>
  subject: Record<'invoice' | 'together' | 'order' | 'card', string>
  /** `{date}` */
  paidOn: string
  /** `{card}` */
  paidBy: string
  receiptMailed: string
  account: {
    title: string
    open: string
    nothingOpen: string
    choose: string
    /** `{date}` */
    due: string
    overdue: string
    payChosen: string
    pay: Plural
    processing: string
    together: string
    payTogether: string
    preparing: string
    notPayable: string
    tooSmall: string
    card: string
    noCard: string
    saveCard: string
    replaceCard: string
    paid: string
    invoicePdf: string
    receiptPdf: string
    chooseOne: string
    tooSmallAlone: string
    changed: string
    slowDown: string
  }
  /** `{merchant}`, `{number}`, `{sum}`, `{date}`; of a card that ends, `{month}` */
  mail: {
    subject: Record<MailText | 'invoiceUndated', string>
    intro: Record<MailText, string>
    /** `{date}` */
    again: string
    notAgain: string
    amountDue: string
    dueOn: string
    pay: string
    saveCard: string
    all: string
    /** `{address}` */
    ask: string
    answer: string
  }
  page: {
    back: string
    checkAgain: string
    language: string
    change: string
    questions: string
    terms: string
    privacy: string
    /** Who takes the money. */
    seller: string
    skip: string
  }
}
