import { describe, expect, test } from 'bun:test'

import { attempts, receivables, shares } from '../../src/db/schema.ts'
import { judge } from '../../src/mail/about.ts'
import type { MailRow } from '../../src/mail/mails.ts'
import { mailsOfCard } from '../../src/mail/plan.ts'
import { shareWorld } from '../support/world.ts'

const AT = new Date('2026-11-29T12:00:00Z')

describe('a mail about a declined charge', () => {
  const shared = shareWorld({ unproven: 'attempts are written down that nobody made' })

  test('says why this very charge was declined, and not another with its number that asked for several', async () => {
    const { deps } = shared.world.bridge
    const asking = { state: 'failed' as const, currency: 'USD', amountDue: 5_000, createdAt: AT }
    await deps.db.insert(receivables).values([
      { receivableId: 'inv_own', payerKey: 'acct', payToken: 'own', ...asking },
      { receivableId: 'req_all', payerKey: 'acct', payToken: 'all', ...asking },
    ])
    const made = await deps.db
      .insert(attempts)
      .values(
        (
          [
            ['req_all', 'STOLEN_CARD', 0],
            ['inv_own', 'INSUFFICIENT_FUNDS', 60_000],
          ] as const
        ).map(([receivableId, declineCode, laterMs]) => ({
          receivableId,
          declineCode,
          number: 2,
          kind: 'charge' as const,
          cause: 'retry' as const,
          retryIndex: 1,
          status: 'declined' as const,
          currency: 'USD',
          amount: 5_000,
          startedAt: new Date(AT.getTime() + laterMs),
        })),
      )
      .returning({ attemptId: attempts.id })
    await deps.db
      .insert(shares)
      .values(
        made.map((one) => ({ ...one, receivableId: 'inv_own', amount: 5_000, isLive: false })),
      )

    const mail = { kind: 'failed', subject: 'inv_own', occasion: '2', payerKey: 'acct' } as MailRow

    expect(await judge(deps, mail)).toMatchObject({ about: { text: 'failed', decline: 'funds' } })
  })
})

describe('a saved card that cannot be charged', () => {
  const shared = shareWorld({
    env: {
      SMTP_URL: 'smtp://127.0.0.1:9',
      MAIL_FROM: 'billing@acme.example',
      CUSTOMER_EMAILS: 'card',
    },
  })
  const card = {
    dodoSubscriptionId: 'sub_1',
    payerKey: 'acct',
    status: 'on_hold',
    refusal: null,
    stoppedAt: null,
    renewedAt: AT,
  }

  test('is mailed about where cards are charged, and not where every invoice is paid on a page', () => {
    const { mail } = shared.world.bridge.deps.config

    expect(mailsOfCard(card, { mail, collection: 'automatic' }, AT)).toHaveLength(1)
    expect(mailsOfCard(card, { mail, collection: 'checkout' }, AT)).toEqual([])
  })
})
