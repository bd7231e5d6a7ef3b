import { z } from 'zod'

/** A release of Lago by its three numbers; undefined where the server does not say which it is. */
type Numbers = readonly [number, number, number]

type LagoFunction = {
  since: string
  /** A release before which it worked in an older way. */
  orBefore?: string
  /** Matters only where deliveries are signed this way. */
  onlyIn?: 'hmac' | 'jwt'
  /** What is lacking without it, where the bridge cannot make up for it. */
  without?: string
}

/** What the bridge uses and not every Lago from 1.0 on has, by the release whose code first contains it. */
const FUNCTIONS = {
  lost_disputes: {
    since: '1.1.1',
    without: 'Lago cannot be told of lost disputes: their invoices ask for attention',
  },
  payment_requests: { since: '1.9.0', without: 'payment requests are not collected' },
  payment_request_events: {
    since: '1.10.0',
    without: 'payment requests are found by the sweep only',
  },
  own_hmac_key: {
    since: '1.16.0',
    onlyIn: 'hmac',
    without: 'deliveries are signed with the API key, which is accepted as the HMAC key',
  },
  customer_events: {
    since: '1.16.0',
    without: 'a change of a customer is seen when an invoice of theirs is looked at next',
  },
  payments: {
    since: '1.19.0',
    without:
      'no payments are recorded: an invoice is marked as paid by its payment status, and refunds are not credited',
  },
  wallet_transaction_by_id: { since: '1.20.2' },
  free_payments_route: {
    since: '1.22.0',
    without: 'payments are recorded only with the integration manual_payments',
  },
  completing_payment: { since: '1.22.0' },
  payment_request_by_id: { since: '1.32.1' },
  payment_status_lists: { since: '1.33.3' },
  organization_in_events: {
    since: '1.33.3',
    onlyIn: 'jwt',
    without:
      'deliveries in JWT mode name no organisation: use HMAC (they are accepted from a Lago of your own, not from a shared one)',
  },
  customer_search: { since: '1.34.0' },
  credit_note_tolerance: { since: '1.34.0' },
  top_up_invoices: {
    since: '1.35.0',
    without: 'top-ups that are granted only after payment cannot be collected',
  },
  credit_note_metadata: {
    since: '1.37.0',
    without: 'credit notes keep no Dodo refund id: ours are known again by id and description',
  },
  retry_button: {
    since: '1.37.0',
    orBefore: '1.33.2',
    without: 'the Retry button of an invoice tells the bridge nothing: send its pay link instead',
  },
  customer_filter: { since: '1.49.0' },
} as const satisfies Record<string, LagoFunction>

export type LagoFunctionName = keyof typeof FUNCTIONS
/** Something that is switched off, since when Lago has it, and what that means. */
type Lacking = { name: LagoFunctionName; since: string; what: string }

const DAY_MS = 24 * 3_600_000
/** Whoever does not say which release it is may only have been away. */
const ASK_AGAIN_MS = 60_000

export type LagoRelease = ReturnType<typeof createLagoRelease>

/**
 * Which Lago we talk to and what it can, asked once a day. One that does not say is taken for the newest, until an
 * answer of its own shows otherwise. Never rejects.
 */
export function createLagoRelease(
  readVersion: () => Promise<unknown>,
  now: () => Date = () => new Date(),
) {
  let version: string | undefined
  let asking: Promise<void> | undefined
  let askedAt: number | undefined
  const shown = new Set<LagoFunctionName>()

  async function ask() {
    const answer = await readVersion().catch(() => undefined)
    askedAt = now().getTime()
    // What was known stays known while Lago is away.
    if (answer === undefined) return
    const text = typeof answer === 'string' ? answer.trim().slice(0, 40) : ''
    shown.clear()
    version = text
  }

  const isFresh = () =>
    askedAt !== undefined && now().getTime() - askedAt < (version ? DAY_MS : ASK_AGAIN_MS)

  /** Resolves when it is known, or known not to be told. */
  async function known(): Promise<void> {
    if (isFresh()) return
    asking ??= ask().finally(() => (asking = undefined))
    await asking
  }

  /** Whether this Lago can do it, as far as is known by now. */
  function can(name: LagoFunctionName): boolean {
    if (shown.has(name)) return false
    const { since, orBefore }: LagoFunction = FUNCTIONS[name]
    const numbers = numbersOf(version)
    if (!numbers) return true
    return !isBefore(numbers, since) || (orBefore !== undefined && isBefore(numbers, orBefore))
  }

  return {
    known,
    can,
    /** An answer looks as if this Lago could not do it, which is believed of one that does not say what it is. */
    showLacking(name: LagoFunctionName) {
      if (!numbersOf(version)) shown.add(name)
    },
    /** Its number without the `v`; undefined where the server does not say. */
    number: () => numbersOf(version)?.join('.'),
    /** Whether it is known by its number to be older than that. */
    isBefore(release: string) {
      const numbers = numbersOf(version)
      return numbers !== undefined && isBefore(numbers, release)
    },
    /** All that is switched off with this Lago, and why. */
    describe(signature: 'hmac' | 'jwt'): Lacking[] {
      return Object.entries(FUNCTIONS).flatMap(([key, one]: [string, LagoFunction]) => {
        const name = key as LagoFunctionName
        const isAbout = one.onlyIn === undefined || one.onlyIn === signature
        if (!one.without || !isAbout || can(name)) return []
        return [{ name, since: one.since, what: one.without }]
      })
    },
  }
}

/** All that is switched off with this Lago, in a sentence each. */
export function describeRelease(release: LagoRelease, signature: 'hmac' | 'jwt'): string[] {
  const name = release.number() ? `Lago ${release.number()}` : 'this Lago'
  return release
    .describe(signature)
    .map(({ what, since }) => `${what} (${name}; since ${since} Lago can)`)
}

/** An image that was built from a bare commit says a date instead, like 2026-08-21. */
function numbersOf(version: string | undefined): Numbers | undefined {
  const match = /^v?(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[-+.].*)?$/.exec(version ?? '')
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}

function isBefore(numbers: Numbers, release: string): boolean {
  const other = release.split('.').map(Number)
  const index = numbers.findIndex((number, position) => number !== (other[position] ?? 0))
  return index >= 0 && (numbers[index] ?? 0) < (other[index] ?? 0)
}

/** Lago says which release it is at once, or is not asked further. */
const HEALTH_MS = 5_000
const Health = z.object({ version: z.string() })

/** What `GET /health` says, which needs no key; undefined when nobody answers there in Lago's way. */
export async function readLagoVersion({
  url,
  fetch,
}: {
  url: string
  fetch: typeof globalThis.fetch
}): Promise<string | undefined> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_MS) })
  return Health.safeParse(await response.json()).data?.version
}
