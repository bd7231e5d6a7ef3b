import { grantCode } from './oauth.ts'
import { paymentProps, setupProps } from './props.ts'
import {
  cancelSubscription,
  chargePayment,
  createSubscription,
  listPaymentMethods,
  refund,
  verify,
} from './queries.ts'
import { HighlevelRefusal } from './refusal.ts'
import type { Location, Transaction } from './records.ts'
import { createContact, createSale, type NewSale } from './sales.ts'
import { newObjectId } from './store.ts'
import type { HighlevelWorld } from './world.ts'

export type HighlevelActs = ReturnType<typeof createHighlevelActs>

/** What agencies, sub-accounts and buyers do; the API cannot. */
export function createHighlevelActs(world: HighlevelWorld) {
  return { ...agencyActs(world), ...saleActs(world), ...queryActs(world) }
}

function agencyActs(world: HighlevelWorld) {
  const { store, app, now, announce } = world
  const find = (locationId: string) => {
    const location = store.locations.get(locationId)
    if (!location) throw new HighlevelRefusal(400, 'Location not found')
    return location
  }
  const markInstalled = (location: Location, more: Record<string, unknown> = {}) => {
    Object.assign(location, { isInstalled: true, installedAt: now() })
    const { id: locationId, companyId } = location
    announce('INSTALL', { appId: app.id, locationId, companyId, ...more })
  }

  return {
    createLocation(id: string, companyId = 'cmp_demo_1'): Location {
      const location: Location = {
        id,
        companyId,
        name: `Demo ${id}`,
        isActive: true,
        isInstalled: false,
        installedAt: null,
      }
      store.locations.set(id, location)
      return location
    },
    /** Somebody consents for one location: the code of the redirect, without any `state`. */
    install(locationId: string): string {
      const location = find(locationId)
      markInstalled(location, {
        userId: 'usr_demo_1',
        planId: 'plan_demo_1',
        trial: { onTrial: false },
        isWhitelabelCompany: false,
        whitelabelDetails: {},
        companyName: 'Demo Agency',
      })
      const { companyId } = location
      return grantCode(world, { kind: 'Location', companyId, locationId })
    },
    /** Somebody consents for a whole agency. */
    installCompany(companyId: string, locationIds: readonly string[]): string {
      announce('INSTALL', { appId: app.id, companyId })
      for (const id of locationIds) markInstalled(find(id))
      return grantCode(world, { kind: 'Company', companyId, locationId: null })
    },
    /** A location that came later, by *install to future locations*; it may lack what others say. */
    installLater(locationId: string): void {
      const location = find(locationId)
      Object.assign(location, { isInstalled: true, installedAt: now() })
      announce('INSTALL', { appId: app.id, locationId })
    },
    uninstall(locationId: string): void {
      const location = find(locationId)
      Object.assign(location, { isInstalled: false, installedAt: null })
      store.integrations.delete(locationId)
      for (const [key, token] of store.tokens)
        if (token.locationId === locationId) store.tokens.delete(key)
      announce('UNINSTALL', { appId: app.id, locationId })
    },
    announce,
    grantCode: (who: Parameters<typeof grantCode>[1]) => grantCode(world, who),
  }
}

function saleActs(world: HighlevelWorld) {
  return {
    createContact: (fields: Parameters<typeof createContact>[1]) => createContact(world, fields),
    createSale: (sale: NewSale) => createSale(world, sale),
    paymentProps: (transactionId: string) =>
      paymentProps(world, anyTransaction(world, transactionId)),
    setupProps: (asked: Parameters<typeof setupProps>[1]) => setupProps(world, asked),
    /** A transaction that belongs to nothing, as after a retry. */
    copyTransaction(transactionId: string): Transaction {
      const copy = { ...anyTransaction(world, transactionId), _id: newObjectId() }
      world.store.transactions.set(copy._id, copy)
      return copy
    },
  }
}

function queryActs(world: HighlevelWorld) {
  const find = (id: string) => anyTransaction(world, id)
  return {
    verify: (transactionId: string, chargeId: string) =>
      verify(world, find(transactionId), chargeId),
    refund: (transactionId: string, amount: number) => refund(world, find(transactionId), amount),
    listPaymentMethods: (contact: Parameters<typeof listPaymentMethods>[1]) =>
      listPaymentMethods(world, contact),
    chargePayment: (transactionId: string, methodId: string) =>
      chargePayment(world, find(transactionId), methodId),
    createSubscription: (transactionId: string, asked: Parameters<typeof createSubscription>[2]) =>
      createSubscription(world, find(transactionId), asked),
    async cancelSubscription(subscriptionId: string) {
      const subscription = world.store.subscriptions.get(subscriptionId)
      if (!subscription) throw new HighlevelRefusal(400, 'Subscription not found')
      return cancelSubscription(world, subscription)
    },
  }
}

function anyTransaction({ store }: HighlevelWorld, id: string): Transaction {
  const transaction = store.transactions.get(id)
  if (!transaction) throw new HighlevelRefusal(400, 'Transaction not found')
  return transaction
}
