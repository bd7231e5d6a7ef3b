import type { MetadataEntry } from './invoice.ts'

/** Lago's limits on an invoice's metadata (lago-api `app/models/metadata/invoice_metadata.rb`). */
const MAX_ENTRIES = 5
const MAX_KEY_LENGTH = 20
const MAX_VALUE_LENGTH = 140

/**
 * Whether what carries this metadata at Dodo is for our Lago organisation. Several may share one account, each with
 * a bridge; what says nothing was made by an older release, or by a person.
 */
export const isOfOrganization = (metadata: Record<string, string>, organizationId: string) =>
  (metadata['lago_organization_id'] ?? organizationId) === organizationId

export const findEntry = (existing: readonly MetadataEntry[], key: string) =>
  existing.find((entry) => entry.key === key)

/**
 * All entries to send so that ours are set and everybody else's are kept: Lago deletes what is not
 * named by its id. Undefined when Lago's limits leave no room for ours.
 */
export function mergeMetadata(
  existing: readonly MetadataEntry[],
  ours: readonly MetadataEntry[],
): MetadataEntry[] | undefined {
  const kept = existing.map((entry) => ({
    ...entry,
    value: findEntry(ours, entry.key)?.value ?? entry.value,
  }))
  const added = ours.filter(({ key }) => !findEntry(existing, key))
  const isTooLong = ours.some(
    ({ key, value }) => key.length > MAX_KEY_LENGTH || value.length > MAX_VALUE_LENGTH,
  )
  if (isTooLong || kept.length + added.length > MAX_ENTRIES) return undefined
  return [...kept, ...added]
}

/** Whether Lago has room for these entries beside the existing ones. */
export const fitsMetadata = (existing: readonly MetadataEntry[], ours: readonly MetadataEntry[]) =>
  mergeMetadata(existing, ours) !== undefined
