import { findSelecting } from '../collect/selection.ts'
import type { Deps } from '../deps.ts'
import { createLooks } from './looks.ts'
import {
  findAttempt,
  findSubject,
  handOut,
  lookAt,
  requestCheckout,
  type Subject,
} from './pay-subject.ts'

/** A customer waits this long for a checkout before being shown that it takes a moment. */
const WAIT_MS = 9_000
const FIRST_POLL_MS = 40
const SLOWEST_POLL_MS = 300
/** What somebody waits for already is not asked for again before that. */
const REQUEST_FRESH_MS = 20_000
/** The return page asks Dodo again no more often than this, however often it is reloaded. */
const ASK_AGAIN_MS = 4_000
/** Whoever comes on top of these is told at once that it takes a moment. */
const MAX_WAITING_PER_LINK = 20
const MAX_LOOKS_AT_ONCE = 12
/** A result is waited for so long, by so many. */
const HELD_MS = 8_000
const MAX_HELD_AT_ONCE = 50
/** The answer of a link that is opened too often, for as long as it is not worth another query. */
const SAME_ANSWER_MS = 2_000
const MAX_SAME_ANSWERS = 1_000

/** What a link leads to: a checkout, or a page about its subject. */
export type Answer = {
  subject: Subject | undefined
  url?: string | undefined
  /** The checkout where a payment was begun that nobody has finished: the customer may go back there themselves. */
  begunAt?: string | undefined
  /** Not looked at to the end: there may be more to say in a moment. */
  isUnfinished?: boolean
  /** Somebody has to ask for it. */
  wantsPerson?: boolean
}
type Flight = { answer: Promise<Answer>; waiting: number; subject: Subject | undefined }
type LinkDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>

export type PayLinks = ReturnType<typeof createPayLinks>

/**
 * What happens when pay links are opened. All who open one at the same time share one look at it, and a look is
 * only had as often as `createLooks` allows; between two of them the ledger's word is given.
 */
export function createPayLinks(deps: LinkDeps) {
  const { config, now } = deps
  const mayLook = createLooks(now)
  const flights = new Map<string, Flight>()
  const sameAnswers = new Map<string, { answer: Answer; at: number }>()
  let looksAtOnce = 0
  let heldAtOnce = 0

  /** For somebody who may have come to pay; `isAsked` when they said so by pressing a button. */
  async function open(token: string, { isAsked }: { isAsked: boolean }): Promise<Answer> {
    if (isAsked) sameAnswers.delete(token)
    const same = sameAnswers.get(token)
    if (same && performance.now() - same.at < SAME_ANSWER_MS) return same.answer
    return share(`${isAsked ? 'asked' : 'open'}:${token}`, (flight) =>
      answer(token, { isAsked, flight }),
    )
  }

  async function share(key: string, work: (flight: Flight) => Promise<Answer>): Promise<Answer> {
    const running = flights.get(key)
    if (!running) {
      const flight = { waiting: 0, subject: undefined } as Omit<Flight, 'answer'> as Flight
      flights.set(key, flight)
      flight.answer = work(flight).finally(() => flights.delete(key))
      return flight.answer
    }
    if (running.waiting >= MAX_WAITING_PER_LINK && running.subject) {
      return { subject: running.subject, isUnfinished: true }
    }
    running.waiting += 1
    return running.answer
  }

  async function answer(
    token: string,
    { isAsked, flight }: { isAsked: boolean; flight: Flight },
  ): Promise<Answer> {
    const subject = await findSubject(deps, token)
    flight.subject = subject
    if (!subject) return { subject }
    if (!isAsked && ((await isRetryPending(subject)) || (await isChosen(subject))))
      return { subject, wantsPerson: true }
    if (looksAtOnce >= MAX_LOOKS_AT_ONCE || !mayLook(subject)) return answerUnseen(token, subject)
    looksAtOnce += 1
    try {
      const isFinished = await waitForLook(token, subject)
      const fresh = (await findSubject(deps, token)) ?? subject
      return { subject: fresh, ...(await checkoutOf(fresh)), isUnfinished: !isFinished }
    } finally {
      looksAtOnce -= 1
    }
  }

  /** Opened more often than a look is worth: what the ledger says, which webhooks and sweeps keep true. */
  async function answerUnseen(token: string, subject: Subject): Promise<Answer> {
    const unseen = { subject, ...(await checkoutOf(subject)), isUnfinished: true }
    sameAnswers.delete(token)
    sameAnswers.set(token, { answer: unseen, at: performance.now() })
    const [oldest] = sameAnswers.keys()
    if (sameAnswers.size > MAX_SAME_ANSWERS && oldest !== undefined) sameAnswers.delete(oldest)
    return unseen
  }

  /**
   * Nobody is sent by us to a checkout in which a payment was begun: Dodo may have closed it for another one
   * (`CHECKOUT_SESSION_CONSUMED`), and a second checkout beside it could be paid as well.
   */
  async function checkoutOf(subject: Subject): Promise<Pick<Answer, 'url' | 'begunAt'>> {
    if (subject.isPayable) return { url: await handOut(deps, subject) }
    const isBegun = subject.kind !== 'customer' && subject.state === 'open'
    const attempt = isBegun ? await findAttempt(deps, subject) : undefined
    const isOpen = attempt?.status === 'live' && attempt.handedOutAt !== null
    return isOpen && attempt.checkoutUrl ? { begunAt: attempt.checkoutUrl } : {}
  }

  /** A checkout in its place would keep the saved card from being charged again: none is opened by a mere visit. */
  async function isRetryPending(subject: Subject): Promise<boolean> {
    const { nextWakeAt, requestedAt, isPayable } = subject
    if (config.collection !== 'automatic' || !isPayable || requestedAt) return false
    if (!nextWakeAt || nextWakeAt <= now()) return false
    const last = await findAttempt(deps, subject)
    return last?.kind === 'charge' && last.status !== 'live'
  }

  /** It is being paid together with others, as its customer chose: only they say that it is not. */
  const isChosen = async ({ kind, key }: Subject) =>
    kind === 'invoice' && (await findSelecting(deps.db, key)) !== undefined

  /** Asks for something payable, and waits until it has been looked at with that wish. */
  async function waitForLook(token: string, subject: Subject): Promise<boolean> {
    const { requestedAt: before } = subject
    const isAskedFor = before && now().getTime() - before.getTime() < REQUEST_FRESH_MS
    const asked = isAskedFor ? before : await requestCheckout(deps, subject)
    const deadline = performance.now() + WAIT_MS
    let pollMs = FIRST_POLL_MS
    while (performance.now() < deadline) {
      const { requestedAt, settledAt } = (await findSubject(deps, token)) ?? subject
      if (requestedAt === null) return true
      // Another replica's customer came later; the look that saw our wish saw theirs or came before it.
      if (requestedAt > asked && settledAt && settledAt >= asked) return true
      await Bun.sleep(pollMs)
      pollMs = Math.min(pollMs * 1.3, SLOWEST_POLL_MS)
    }
    return false
  }

  /** What the ledger says, without any effect. */
  const peek = (token: string) =>
    share(`peek:${token}`, async () => ({ subject: await findSubject(deps, token) }))

  /** The same for who comes back from paying: asks for news, if there may be some. */
  const returned = (token: string) =>
    share(`return:${token}`, async () => {
      const subject = await findSubject(deps, token)
      if (subject && wantsNews(subject) && mayLook(subject)) await lookAt(deps, subject)
      return { subject }
    })

  /** The same, held until there is news, for a moment: whoever has no script asks by hand. */
  const held = (token: string) =>
    share(`held:${token}`, async (flight) => {
      const { subject } = await returned(token)
      flight.subject = subject
      if (!subject || heldAtOnce >= MAX_HELD_AT_ONCE) return { subject }
      heldAtOnce += 1
      try {
        return { subject: await waitForNews(token, subject) }
      } finally {
        heldAtOnce -= 1
      }
    })

  async function waitForNews(token: string, before: Subject): Promise<Subject> {
    const deadline = performance.now() + HELD_MS
    let subject = before
    while (subject.state === before.state && performance.now() < deadline) {
      if (subject.state !== 'open') break
      await Bun.sleep(SLOWEST_POLL_MS)
      subject = (await findSubject(deps, token)) ?? before
    }
    return subject
  }

  function wantsNews({ state, settledAt }: Subject): boolean {
    if (state !== 'open' && state !== 'failed' && state !== 'processing') return false
    return !settledAt || now().getTime() - settledAt.getTime() >= ASK_AGAIN_MS
  }

  return { open, peek, returned, held }
}
