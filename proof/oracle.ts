import type { Database } from '../src/db/client.ts'
import { atRest } from './claims-at-rest.ts'
import { OF_CALLS, watchDues } from './claims-of-calls.ts'
import { intendedBefore, watchRepetitions, type Outcome } from './claims-of-intents.ts'
import { OF_LEDGER, storedBeforeAnswered } from './claims-of-ledger.ts'
import { ordersArePaid, watchOrders, type OrderBooks } from './claims-of-orders.ts'
import { ALWAYS, OF_ACCOUNTS } from './claims.ts'
import { refundsNamedBy, textOf, type Books, type Violation } from './books.ts'
import { asJson, askedFor, creationOf, readSent, type Sent } from './sent.ts'

/** An invariant did not hold; the message tells each story. */
class InvariantBroken extends Error {
  override name = 'InvariantBroken' as const

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ rule, story }) => `${rule}: ${story}`).join('\n'))
  }
}

/** Dodo's codes that say of a mandate that it cannot be charged, beside a 404. */
const OF_MANDATES = new Set([
  'SUBSCRIPTION_INACTIVE',
  'SUBSCRIPTION_EXPIRED',
  'SUBSCRIPTION_NOT_ON_DEMAND',
  'SUBSCRIPTION_PAYMENT_RETRY_LIMIT_EXCEEDED',
  'CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION',
])

const NO_FAILURES = new Set([400, 402, 404, 405, 409, 422])
/** Whether a service did not do its work, or would not hear of it: what it says of the request itself is an answer. */
const isFailure = (status: number) => status >= 400 && !NO_FAILURES.has(status)

/**
 * Watches both services' books. `look` is to be called after every change; what was broken at any look stays
 * broken, even if it was mended since. `assert` looks once more, and throws the stories if there is one.
 */
export function createOracle(books: Books) {
  const seen = new Map<string, Violation>()
  const credited = new Map<string, string[]>()
  let looks = 0
  let wasFree = false
  const note = (found: readonly Violation[]) => {
    for (const one of found) {
      const key = `${one.rule} ${one.story}`
      if (!seen.has(key)) seen.set(key, one)
    }
  }
  const look = () => {
    looks += 1
    wasFree ||= !books.lago.isPremium()
    for (const claim of ALWAYS) note(claim(books))
    note(movedCredits(books, credited))
  }
  return {
    look,
    note,
    looks: () => looks,
    wasFree: () => wasFree,
    broken: () => [...seen.values()],
    assert() {
      look()
      if (seen.size > 0) throw new InvariantBroken([...seen.values()])
    },
  }
}

/** I10: what a credit note was once for stays what it is for, unless that refund has failed after all. */
function movedCredits({ lago, dodo }: Books, credited: Map<string, string[]>): Violation[] {
  return lago.store.creditNotes.flatMap((creditNote) => {
    const named = refundsNamedBy(creditNote)
    const before = credited.get(creditNote.lago_id) ?? []
    credited.set(creditNote.lago_id, [...new Set([...before, ...named])])
    const lost = before.filter(
      (refundId) =>
        !named.includes(refundId) && dodo.store.refunds.get(refundId)?.status !== 'failed',
    )
    if (lost.length === 0) return []
    const story = `credit note ${creditNote.number} stood for ${lost.join(', ')}, and stands for ${named.join(', ') || 'none'} now`
    return [{ rule: 'I10', story }]
  })
}

/** What an oracle needs to watch a running bridge as well. */
export type Watching = {
  books: Books
  /** Dodo's books of other accounts, by the host at which each is asked. */
  accounts?: Readonly<Record<string, Pick<Books['dodo'], 'store'>>>
  highlevel?: OrderBooks['highlevel']
  /** `store:key`, as in OPENFRONT_API_KEYS. */
  storeKeys?: string | undefined
  /** The bridge's ledger, on connections that see only what is committed. */
  db: () => Database | undefined
  /** The bridge's clock. */
  now: () => Date
}

/** The same with the bridge's own ledger, each request that it makes, and each delivery that it acknowledges. */
export function createWatch({ books, db, now, ...others }: Watching) {
  const { accounts = {}, highlevel, storeKeys } = others
  const oracle = createOracle(books)
  const repetitions = watchRepetitions()
  const dues = watchDues(books)
  const all = [books.dodo, ...Object.values(accounts)]
  const orderBooks: OrderBooks = { accounts: all, highlevel, storeOf: readStores(storeKeys) }
  const orders = watchOrders(orderBooks)
  const refusedMandates = new Set<string>()
  const declinedCharges = new Set<string>()
  const kept = new Map<string, 'lago' | 'dodo'>()
  const counts = { requests: 0, creations: 0, unanswered: 0, acknowledged: 0, unasked: 0 }
  /** The books that one account has part in: Lago's are with those of its own only. */
  const booksAt = (account: string): Books => ({
    lago: books.lago,
    dodo: accounts[account] ?? books.dodo,
  })

  /** A ledger that cannot be asked says nothing, for or against. */
  async function ask(question: (open: Database) => Promise<Violation[]>) {
    const open = db()
    if (!open) return
    try {
      oracle.note(await question(open))
    } catch {
      counts.unasked += 1
    }
  }

  function look() {
    oracle.look()
    for (const account of Object.keys(accounts))
      for (const claim of OF_ACCOUNTS) oracle.note(claim(booksAt(account)))
    orders.seeAmounts()
  }

  async function answered(sent: Sent, response: Response | undefined) {
    const creation = creationOf(sent)
    const outcome: Outcome = response && { status: response.status }
    repetitions.answered(sent, creation, outcome, now())
    if (!response || isFailure(response.status)) counts.unanswered += 1
    if (creation?.what !== 'charge' || !response || response.ok) return
    const [, subscriptionId = ''] = /^\/subscriptions\/([^/]+)\//.exec(sent.path) ?? []
    if (response.status === 402) declinedCharges.add(creation.key)
    const said = asJson(
      await response
        .clone()
        .text()
        .catch(() => ''),
    )
    if (response.status === 404 || OF_MANDATES.has(textOf(said['code'])))
      refusedMandates.add(subscriptionId)
  }

  /** What is true of a request as it leaves. */
  async function leaves(sent: Sent) {
    const creation = creationOf(sent)
    if (creation) {
      counts.creations += 1
      oracle.note(repetitions.leaves(creation, sent))
      await ask((open) => intendedBefore(open, creation, sent.account !== ''))
      await ask((open) => orders.givenBack(open, creation))
      if (creation.what === 'checkout' || creation.what === 'charge')
        oracle.note(orders.asked(sent, askedFor(sent.body)))
    }
    if (sent.account === '') oracle.note(dues(sent))
    for (const claim of OF_CALLS) oracle.note(claim(booksAt(sent.account), sent))
  }

  return {
    ...oracle,
    look,
    counts,
    /** Lets a request of the bridge's through, and judges it as it leaves and once it was carried out. */
    async pass(
      request: Request,
      service: Sent['service'],
      go: () => Promise<Response>,
      account?: string,
    ): Promise<Response> {
      counts.requests += 1
      const sent = await readSent(request, service, { at: now(), account })
      await leaves(sent)
      try {
        const response = await go()
        await answered(sent, response)
        return response
      } catch (error) {
        await answered(sent, undefined)
        throw error
      } finally {
        // A lost answer, too, may have changed the books.
        if (sent.method !== 'GET') look()
      }
    },
    /** Judges what HighLevel is told, as it leaves. */
    async tells(request: Request) {
      counts.requests += 1
      const isEvent = new URL(request.url).pathname === EVENTS_PATH
      orders.seeAmounts()
      if (!isEvent) return
      const body = asJson(await request.clone().text())
      await ask((open) => orders.told(open, body))
    },
    /** Judges what a shop's server, or HighLevel's, is answered. */
    async answers(path: string, asked: string, response: Response) {
      if (!path.startsWith('/api/') && path !== '/highlevel/query') return
      const said = asJson(await response.clone().text())
      const answer = { path, asked: asJson(asked), status: response.status, said }
      await ask((open) => orders.answered(open, answer))
    },
    /** A delivery was answered: whoever hears 2xx may forget it. */
    async acknowledged(request: Pick<Request, 'headers' | 'url'>, status: number) {
      if (status >= 300) return
      const { pathname } = new URL(request.url)
      const source = SOURCES[pathname]
      const id = request.headers.get(source === 'lago' ? 'x-lago-unique-key' : 'webhook-id')
      if (!source || id === null) return
      counts.acknowledged += 1
      kept.set(id, source)
      await ask((open) => storedBeforeAnswered(open, source, id))
    },
    /** I1, after a database was lost: whatever was ever acknowledged is still there. */
    async assertKept() {
      const before = counts.unasked
      for (const [id, source] of kept) await ask((open) => storedBeforeAnswered(open, source, id))
      if (counts.unasked > before) throw new Error('the ledger could not be asked')
      oracle.assert()
    },
    /** Asks every rule that holds at any moment, and `isAtRest` also those that hold once all was heard of. */
    async assertAll({ isAtRest }: { isAtRest: boolean }) {
      look()
      const witnessed = { wasFree: oracle.wasFree(), refusedMandates, declinedCharges }
      for (const claim of OF_LEDGER)
        await ask((open) => claim(open, { ...books, accounts: all }, witnessed))
      await ask((open) => ordersArePaid(open, orderBooks))
      if (isAtRest)
        for (const account of ['', ...Object.keys(accounts)])
          await ask((open) => atRest(open, booksAt(account)))
      oracle.assert()
    },
  }
}

const EVENTS_PATH = '/payments/custom-provider/webhook'
const SOURCES: Record<string, 'lago' | 'dodo'> = {
  '/webhooks/lago': 'lago',
  '/webhooks/dodo': 'dodo',
}

/** Whose a key is, by the operator's own list. */
function readStores(list = '') {
  const pairs = list.split(',').map((one) => one.trim().split(':'))
  const stores = new Map(pairs.map(([store = '', ...key]) => [key.join(':'), store]))
  return (apiKey: string) => stores.get(apiKey)
}
