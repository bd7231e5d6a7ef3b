import type { WalkName } from '../walks.ts'
import type { Edit } from './tree.ts'

/** A bug as somebody might write it, the invariant that it breaks, and what goes past it: a walk, or some tests of a file. */
type Planted = Edit & { rule: string; what: string } & (
    | { walk: WalkName; tests?: undefined }
    | { walk?: undefined; tests: readonly [file: string, named: string] }
  )

/** One bug, or more, for each invariant. The oracle must name the rule, whatever the tests themselves say. */
export const PLANTED: readonly Planted[] = [
  {
    rule: 'I1',
    what: 'a delivery is acknowledged, and not stored',
    file: 'src/inbox/receive.ts',
    find: '    const { duplicate } = await coalesced(told, delivery.body.byteLength)\n',
    replace:
      '    if (delivery.source === "dodo") return { duplicate: false }\n    const { duplicate } = await coalesced(told, delivery.body.byteLength)\n',
    walk: 'paid, refunded and credited',
  },
  {
    rule: 'I2',
    what: 'an attempt ends, and still counts as the one that is live',
    file: 'src/collect/act/attempts.ts',
    find: '      .set({ isLive: false })',
    replace: '      .set({ isLive: true })',
    walk: 'declined, paid twice and given back',
  },
  {
    rule: 'I3',
    what: 'the intent is committed after the call',
    file: 'src/collect/once.ts',
    find: '  if (!(await call.intend(body, lapsesAt))) return undefined\n  const made = await make(call, body, turn, now)\n',
    replace:
      '  const made = await make(call, body, turn, now)\n  if (!(await call.intend(body, lapsesAt))) return undefined\n',
    walk: 'paid, refunded and credited',
  },
  {
    rule: 'I3',
    what: 'what may still be carried out is made again at once',
    file: 'src/collect/once.ts',
    find: '  if (repeatableAt && repeatableAt > now())\n',
    replace: '  if (repeatableAt && repeatableAt > now() && what === "")\n',
    walk: 'refunded late',
  },
  {
    rule: 'I4',
    what: 'a payment that was declined is recorded',
    file: 'src/billers/lago/decide/next-payment.ts',
    find: "    if (payment.status !== 'succeeded' || payment.isSetup) continue\n",
    replace: '    if (payment.isSetup) continue\n',
    walk: 'declined, paid twice and given back',
  },
  {
    rule: 'I4',
    what: 'a Lago without a licence is told that an invoice is paid which was declined',
    file: 'src/billers/lago/act/mark-invoice.ts',
    find: '{ payment_status: paymentStatus })',
    replace: "{ payment_status: 'succeeded' })",
    walk: 'declined, paid twice and given back',
  },
  {
    rule: 'I5',
    what: 'a credit note is not looked for before it is made again',
    file: 'src/billers/lago/act/credit-refund.ts',
    find: '      const unclaimed = await withoutClaimed(deps, subject, notes)\n',
    replace: '      const unclaimed = (await withoutClaimed(deps, subject, notes)).slice(0, 0)\n',
    walk: 'credited late',
  },
  {
    rule: 'I6',
    what: 'money that is held is shown to nobody',
    file: 'src/billers/lago/decide/assess.ts',
    find: '    ...findHeld(invoice, ledger, policy),\n',
    replace: '',
    walk: 'paid twice and held',
  },
  {
    rule: 'I7',
    what: 'a card is charged a unit more than is due',
    file: 'src/collect/act/charge-mandate.ts',
    find: '      product_price: toDodoMinor(owed.due, owed.currency),\n',
    replace: '      product_price: toDodoMinor(owed.due, owed.currency) + 1,\n',
    walk: 'a card is saved, charged and declined',
  },
  {
    rule: 'I8',
    what: 'what wants attention has no reason code',
    file: 'src/billers/lago/rest.ts',
    find: "  const reasonCode = state === 'attention' ? (code ?? null) : null\n",
    replace: '  const reasonCode = code === undefined ? null : null\n',
    walk: 'paid twice and held',
  },
  {
    rule: 'I9',
    what: 'a duplicate is given back without proof',
    file: 'src/collect/decide/next-refund.ts',
    find: "  return disposition === 'late' ? amount : receivable.proveSpare(payment, recording)\n",
    replace: '  return amount\n',
    walk: 'paid, and written down by hand',
  },
  {
    rule: 'I10',
    what: 'a credit note is told another refund than the one that it stands for',
    file: 'src/billers/lago/act/credit-refund.ts',
    find: "  await lago.setRefundStatus(creditNoteId, 'succeeded', {\n    dodo_refund_id: dodoRefundId,\n",
    replace:
      "  await lago.setRefundStatus(creditNoteId, 'succeeded', {\n    dodo_refund_id: `${dodoRefundId}0`,\n",
    walk: 'paid, refunded and credited',
  },
  {
    rule: 'I11',
    what: "another organisation's is taken for ours",
    file: 'src/billers/lago/biller.ts',
    find: "    metadata['lago_organization_id'] !== undefined &&\n    !isOfOrganization(metadata, await organizationId()),\n",
    replace: "    metadata['lago_organization_id'] === await organizationId() && false,\n",
    tests: ['test/flows/organisations.test.ts', ''],
  },
  {
    rule: 'I12',
    what: 'a missing permission is taken for a missing licence',
    file: 'src/refusals.ts',
    find: "  403: 'permission',\n",
    replace: "  403: 'licence',\n",
    tests: ['test/flows/once.test.ts', 'a key without a permission'],
  },
  {
    rule: 'I12',
    what: 'a refusal about one invoice is taken for the card’s',
    file: 'src/collect/act/charge-mandate.ts',
    find: "  const isOfMandate = meaning === 'mandate' || refusal.status === 404\n",
    replace: "  const isOfMandate = meaning !== 'later'\n",
    walk: 'a charge is refused, and the card is good',
  },
  {
    rule: 'I5',
    what: 'a credit note is carried out twice',
    file: 'src/billers/lago/decide/next-credit-note.ts',
    find: '  const given = refunds.reduce((sum, { amount }) => sum + amount, 0)\n',
    replace:
      '  const given = refunds.length > 1 ? refunds.reduce((sum, { amount }) => sum + amount, 0) : 0\n',
    walk: 'paid, refunded and credited',
  },
  {
    rule: 'I7',
    what: 'a card is charged in another currency',
    file: 'src/collect/act/charge-mandate.ts',
    find: "      product_currency: owed.currency as 'USD',\n",
    replace: "      product_currency: 'EUR' as 'USD',\n",
    walk: 'a card is saved, charged and declined',
  },
  {
    rule: 'P1',
    what: 'a shop is told of money that nobody has paid',
    file: 'src/billers/orders/look.ts',
    find: "  if (payment && !isSuperseded) return { status: 'captured', payment, isMismatch: false }\n",
    replace:
      "  if (!isSuperseded) return { status: 'captured', payment: payment ?? ledger.payments.at(-1), isMismatch: false }\n",
    tests: ['test/flows/openfront.test.ts', 'that was declined is failed'],
  },
  {
    rule: 'P2',
    what: 'HighLevel is answered with the charge of another transaction',
    file: 'src/billers/highlevel/verify.ts',
    find: '  if (charged) return charged.key === transactionId ? charged : undefined\n',
    replace: '  if (charged) return charged\n',
    tests: ['test/highlevel/pay/query.test.ts', "never takes another transaction's charge"],
  },
  {
    rule: 'P5',
    what: 'that a shop was told of a small amount is not written down, and a policy gives it back',
    file: 'src/billers/orders/claim.ts',
    find: '    await tx.update(orders).set({ claimedAt: at }).where(eq(orders.orderId, orderId))\n',
    replace:
      '    await tx.update(orders).set({ claimedAt: order.amount < 3_000 ? null : at }).where(eq(orders.orderId, orderId))\n',
    tests: ['test/flows/openfront.test.ts', 'whose money was claimed keeps it'],
  },
  {
    rule: 'P7',
    what: "a store's key shows the order of another",
    file: 'src/billers/orders/order.ts',
    find: '        isOf(scope),\n        or(\n',
    replace: '        eq(orders.source, scope.source),\n        or(\n',
    tests: ['test/flows/openfront.test.ts', 'reaches the payment of another store'],
  },
]
