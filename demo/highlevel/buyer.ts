import { z } from 'zod'

import { eventually } from '../eventually.ts'
import { followPayLink, submitCheckout } from '../merchant.ts'
import { StepFailed } from '../narrator.ts'
import { LOCATION, type HighlevelStage } from './stage.ts'

const Session = z.object({
  ref: z.string(),
  checkoutUrl: z.string(),
  amount: z.number(),
  currency: z.string(),
  status: z.string(),
})
const Shown = z.object({
  status: z.string(),
  chargeId: z.string().optional(),
  message: z.string().optional(),
})
const Verified = z.object({ status: z.string() })
export type Session = z.infer<typeof Session>

export type Buyer = ReturnType<typeof createBuyer>

/** Asks, and fails the step that needed the answer. */
async function ask<Shape extends z.ZodType>(
  url: string,
  shape: Shape,
  body?: unknown,
): Promise<z.infer<Shape>> {
  const init = { method: 'POST', body: JSON.stringify(body) }
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(url, body === undefined ? {} : { ...init, headers })
  const text = await response.text()
  if (response.ok) return shape.parse(JSON.parse(text))
  throw new StepFailed(`${url} answers`, `${response.status} ${text}`)
}

/** What an agency, its sub-account and a buyer do, through the HTTP of the bridge and of both services. */
export function createBuyer({ highlevel, highlevelUrl, bridgeUrl }: HighlevelStage) {
  const show = (ref: string) => ask(`${bridgeUrl}/highlevel/session/${ref}`, Shown)

  return {
    /** Somebody consents in the marketplace, and comes back to the bridge with a code. */
    async install(): Promise<void> {
      const response = await fetch(`${bridgeUrl}/highlevel/install`)
      const consent = await fetch(response.url, {
        method: 'POST',
        body: new URLSearchParams({ who: LOCATION }),
      })
      await consent.body?.cancel()
      if (!consent.ok) throw new StepFailed('the app is installed', String(consent.status))
    },
    sell: (amount: number) =>
      highlevel.createSale({
        locationId: LOCATION,
        amount,
        contactId: highlevel.createContact({
          locationId: LOCATION,
          name: 'Ada Demo',
          email: 'ada@example.test',
        }).id,
      }),
    /** What the page in HighLevel's iframe does with what HighLevel tells it. */
    openSession: (transactionId: string): Promise<Session> =>
      ask(`${bridgeUrl}/highlevel/session`, Session, highlevel.paymentProps(transactionId)),
    show,
    /** The popup: the pay link leads to Dodo's hosted checkout. */
    async checkOut({ checkoutUrl }: Session, fields: Record<string, string>): Promise<void> {
      await submitCheckout(await followPayLink(checkoutUrl), fields)
    },
    waitFor: (ref: string, claim: string, isThere: (shown: z.infer<typeof Shown>) => boolean) =>
      eventually(claim, async () => {
        const shown = await show(ref)
        return isThere(shown) ? { found: shown } : { seen: JSON.stringify(shown) }
      }),
    /** HighLevel's server asks the bridge, as it does once the page has said that it is paid. */
    verify: async (transactionId: string, chargeId: string): Promise<string> =>
      (await ask(`${highlevelUrl}/checkout/${transactionId}/verify`, Verified, { chargeId }))
        .status,
    refund: (transactionId: string, amount: number) =>
      ask(
        `${highlevelUrl}/sandbox/transactions/${transactionId}/refund`,
        z.object({ id: z.string(), amount: z.number() }),
        { amount },
      ),
    statusOf: (transactionId: string) =>
      highlevel.store.transactions.get(transactionId)?.status ?? 'unknown',
  }
}
