import type { Deps } from '../../deps.ts'
import { formatBooks } from '../../collect/money.ts'
import type { Outcome } from '../../operate/audit.ts'
import { lookAtInvoice, waitForLook } from '../../operate/look-again.ts'
import { whyNotCollect } from '../../operate/why-not-collect.ts'
import { renewPayLink } from '../../operate/new-link.ts'
import { markSeen } from '../../operate/seen.ts'
import type { InvoiceReport } from '../../report/invoice.ts'
import { dismiss } from '../../billers/lago/dismiss.ts'
import { askForMoney } from '../../billers/lago/retry.ts'
import type { Question } from './kit.tsx'

type Acting = Pick<Deps, 'config' | 'db' | 'lago' | 'queue' | 'now'>
/** What is known when it is decided whether a button is shown. */
export type Standing = { invoice: InvoiceReport; isAnythingPutAside: boolean; now: Date }

type Confirmation = { title: string; says: readonly string[]; press: string }
export type InvoiceAction = {
  label: string
  /** Why it cannot be done now; undefined when it can. */
  whyNot: (standing: Standing) => string | undefined
  /** What is said before it is done; undefined for what changes nothing by itself. */
  confirm?: (standing: Standing, config: Deps['config']) => Confirmation
  /** What the confirmation asks for. */
  asks?: Question
  run: (deps: Acting, invoice: InvoiceReport, by: By) => Promise<Outcome>
}
/** Who does it, by the name given at login, and what they wrote. */
type By = { who: string; answer: string | undefined }

const nameOf = ({ number, lagoInvoiceId }: InvoiceReport) => number ?? lagoInvoiceId

/** Everything that an operator may do to an invoice, by the last part of its address. */
export const INVOICE_ACTIONS: Readonly<Record<string, InvoiceAction>> = {
  collect: {
    label: 'Ask for the money now',
    whyNot: whyNotCollect,
    confirm: ({ invoice }, config) => ({
      title: `Ask for the money of ${nameOf(invoice)} now?`,
      says: describeCollect(invoice, config),
      press: isCharged(invoice, config) ? 'Charge the card again' : 'Open a new checkout',
    }),
    async run(deps, { lagoInvoiceId }, { who }) {
      const at = deps.now()
      const whyNot = await askForMoney(deps, lagoInvoiceId, who)
      if (whyNot) return { isDone: false, said: whyNot }
      return { isDone: true, said: await waitForLook(deps, lagoInvoiceId, at) }
    },
  },
  look: {
    label: 'Look again',
    whyNot: () => undefined,
    run: (deps, { lagoInvoiceId }, { who }) => lookAtInvoice(deps, lagoInvoiceId, who),
  },
  'put-aside': {
    label: 'Put aside',
    whyNot: whyNotAttended,
    confirm: ({ invoice }) => ({
      title: `Put this reason of ${nameOf(invoice)} aside?`,
      says: [
        `You have dealt with it: “${invoice.reason}”. No money moves and nothing is written to Lago.`,
        'The invoice is no longer shown as needing attention for this reason. Any other reason, and the same one about other money, is shown as before.',
      ],
      press: 'Put aside',
    }),
    run: (deps, invoice, { who }) => putAside(deps, invoice, { who, isUndo: false }),
  },
  'show-again': {
    label: 'Show what was put aside',
    whyNot: ({ isAnythingPutAside }) =>
      isAnythingPutAside ? undefined : 'nothing of it was put aside',
    confirm: ({ invoice }) => ({
      title: `Show again what was put aside of ${nameOf(invoice)}?`,
      says: ['Each reason that was put aside is judged anew, and shown if it still holds.'],
      press: 'Show it again',
    }),
    run: (deps, invoice, { who }) => putAside(deps, invoice, { who, isUndo: true }),
  },
  seen: {
    label: 'Seen',
    whyNot: whyNotAttended,
    asks: { name: 'note', label: 'Note, if any', isRequired: false },
    confirm: ({ invoice }) => ({
      title: `Mark ${nameOf(invoice)} as seen?`,
      says: [
        `Somebody looks after it: “${invoice.reason}”.`,
        'It moves down the list of what needs attention and stays there until it is mended, or its reason is another one. No money moves.',
      ],
      press: 'Mark as seen',
    }),
    run: (deps, { lagoInvoiceId }, { who, answer }) =>
      markSeen(deps, lagoInvoiceId, { who, note: answer }),
  },
  'new-link': {
    label: 'New pay link',
    whyNot: () => undefined,
    confirm: ({ invoice }) => ({
      title: `Make another pay link for ${nameOf(invoice)}?`,
      says: [
        'The old link stops working: whoever opens it is told that there is nothing. Mails and PDFs that carry it are out of date.',
        'Lago is told the new one. A checkout that is open already can still be paid.',
      ],
      press: 'Make another pay link',
    }),
    run: (deps, { lagoInvoiceId }, { who }) => renewPayLink(deps, lagoInvoiceId, who),
  },
}

/** What an address may name is what is listed, and nothing that every object has. */
export const actionNamed = (name: string): InvoiceAction | undefined =>
  Object.hasOwn(INVOICE_ACTIONS, name) ? INVOICE_ACTIONS[name] : undefined

function whyNotAttended({ invoice }: Standing): string | undefined {
  return invoice.state === 'attention'
    ? undefined
    : `nothing needs a person: it is ${invoice.state}`
}

const isCharged = ({ mandate }: InvoiceReport, { collection }: Deps['config']) =>
  collection === 'automatic' && mandate?.isChargeable === true

function describeCollect(invoice: InvoiceReport, config: Deps['config']): string[] {
  const { currency, amountDue, mandate, customerName, customer, state } = invoice
  const amount = currency ? formatBooks(amountDue, currency) : 'what is due'
  const whose = customerName ?? customer ?? 'the customer'
  const does = isCharged(invoice, config)
    ? `Charges the saved card ${mandate?.dodoSubscriptionId} of ${whose} with ${amount}.`
    : `Opens a new checkout for ${amount} behind the pay link of ${whose}. The bridge sends no mail: send the link yourself.`
  const limits =
    'It counts as Retry payment in Lago does: once an hour, and within 30 days as often as the retry schedule has waits.'
  return state === 'attention'
    ? [
        does,
        limits,
        'First it is looked at what needs attention: while that is so, nothing is asked for.',
      ]
    : [does, limits]
}

async function putAside(
  deps: Acting,
  { lagoInvoiceId }: InvoiceReport,
  { who, isUndo }: { who: string; isUndo: boolean },
): Promise<Outcome> {
  const lines: string[] = []
  const at = deps.now()
  const write = (line: string) => void lines.push(line)
  const exitCode = await dismiss(deps, lagoInvoiceId, { isUndo, write, who })
  if (exitCode === 0) await waitForLook(deps, lagoInvoiceId, at)
  return { isDone: exitCode === 0, said: lines.join(' ') }
}
