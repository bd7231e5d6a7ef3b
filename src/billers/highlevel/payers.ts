const SOURCE = 'highlevel'

type Contact = { account: string; locationId: string; contactId: string }

/** Who pays: a contact of a location on one Dodo account. An e-mail address joins no two of them. */
export const payerKeyOf = ({ account, locationId, contactId }: Contact) =>
  [SOURCE, account, locationId, contactId].map(encodeURIComponent).join(':')

function readPayerKey(payerKey: string): Contact | undefined {
  const [source, account, locationId, contactId] = payerKey.split(':').map(decodeURIComponent)
  if (source !== SOURCE || !account || !locationId || !contactId) return undefined
  return { account, locationId, contactId }
}

/** What says at Dodo whose customer it is. */
export function describePayer(payerKey: string): Record<string, string> {
  const named = readPayerKey(payerKey)
  if (!named) return {}
  const { locationId, contactId } = named
  return {
    bridge_source: SOURCE,
    bridge_tenant: locationId,
    highlevel_location_id: locationId,
    highlevel_contact_id: contactId,
  }
}

/** Whom a customer of that account says to be. */
export function payerNamed(metadata: Record<string, string>, account: string): string | undefined {
  const { highlevel_location_id: locationId, highlevel_contact_id: contactId } = metadata
  return locationId && contactId ? payerKeyOf({ account, locationId, contactId }) : undefined
}
