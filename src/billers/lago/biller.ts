import type { Biller } from '../../collect/receivable.ts'
import type { Deps } from '../../deps.ts'
import { isId } from '../../ids.ts'
import { isOfOrganization } from './decide/metadata.ts'
import { namesPayment } from './decide/proof.ts'
import { asPayer } from './invoice.ts'

/** What says at Dodo that a payment is for several invoices that their customer chose. */
export const SELECTION_ENTRY = 'bridge_selection_id'

const INVOICE_ID = /^[A-Za-z0-9_.:-]{1,200}$/

/** Lago as the core knows it: how its invoices and customers are named at Dodo (the contract), and what its books hold. */
export const createLagoBiller = ({
  lago,
  organizationId,
}: Pick<Deps, 'lago' | 'organizationId'>): Biller => ({
  name: 'Lago',
  /** If it can be an id at all: buyers can write metadata on a static link. */
  named(metadata) {
    const named = metadata['lago_invoice_id']
    return named !== undefined && INVOICE_ID.test(named) && isId(named) ? named : null
  },
  isOfSeveral: (metadata) =>
    metadata['lago_payment_request_id'] !== undefined || metadata[SELECTION_ENTRY] !== undefined,
  payerNamed: (metadata) => metadata['lago_customer_id'],
  // Several organisations may share one account; what says nothing was made by an older release, or by a person.
  isForeign: async (metadata) =>
    metadata['lago_organization_id'] !== undefined &&
    !isOfOrganization(metadata, await organizationId()),
  mark: async () => ({ lago_organization_id: await organizationId() }),
  describePayer: (payerKey) => ({ lago_customer_id: payerKey }),
  describeCreditNote: (creditNoteId) => ({ lago_credit_note_id: creditNoteId }),
  async holds(lagoInvoiceId, dodoPaymentId) {
    const held = await lago.listPayments(lagoInvoiceId)
    return held.some(({ reference }) => namesPayment(reference, dodoPaymentId))
  },
  async findPayer(lagoCustomerId) {
    const customer = await lago.findCustomer(lagoCustomerId)
    return customer && asPayer(customer)
  },
})
