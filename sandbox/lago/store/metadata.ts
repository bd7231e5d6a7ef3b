import { invalid } from './refusal.ts'
import type { Metadatum } from './customer-record.ts'
import { timestamp } from './store.ts'

const MAX_ENTRIES = 5
const MAX_KEY_LENGTH = 20

export type MetadataLimits = { valueMaxLength: number; now: Date }
type GivenEntry = { id?: unknown; key?: unknown; value?: unknown }

/**
 * Replaces metadata as Lago does: what is neither named by id nor new is deleted. New entries are
 * made before old ones go, so an old key sent again without its id is refused.
 */
export function replaceMetadata<Entry extends Metadatum>(
  existing: readonly Entry[],
  given: readonly unknown[],
  limits: MetadataLimits,
  complete: (entry: Metadatum, given: Record<string, unknown>) => Entry,
): Entry[] {
  const entries = readEntries(given)
  if (entries.length > MAX_ENTRIES) throw invalid({ metadata: ['invalid_count'] })

  const all = [...existing]
  const kept = new Set<string>()
  for (const entry of entries) {
    const index = all.findIndex(({ lago_id }) => lago_id === entry.id)
    const old = all[index]
    const next = {
      lago_id: old?.lago_id ?? crypto.randomUUID(),
      key: textOf(entry.key, old?.key),
      value: textOf(entry.value, old?.value),
      created_at: old?.created_at ?? timestamp(limits.now),
    }
    check(next, all, limits)
    all.splice(old ? index : all.length, 1, complete(next, entry))
    kept.add(next.lago_id)
  }
  return all.filter(({ lago_id }) => kept.has(lago_id))
}

function readEntries(given: readonly unknown[]): (GivenEntry & Record<string, unknown>)[] {
  return given.filter((entry): entry is GivenEntry & Record<string, unknown> => {
    return typeof entry === 'object' && entry !== null
  })
}

function textOf(given: unknown, otherwise = ''): string {
  if (given === undefined) return otherwise
  return typeof given === 'string' ? given : JSON.stringify(given ?? '')
}

function check(next: Metadatum, all: readonly Metadatum[], limits: MetadataLimits): void {
  const twin = all.some(({ key, lago_id }) => key === next.key && lago_id !== next.lago_id)
  const key = [
    ...(next.key.trim() === '' ? ['value_is_mandatory'] : []),
    ...(next.key.length > MAX_KEY_LENGTH ? ['value_is_too_long'] : []),
    ...(twin ? ['value_already_exist'] : []),
  ]
  const value = [
    ...(next.value.trim() === '' ? ['value_is_mandatory'] : []),
    ...(next.value.length > limits.valueMaxLength ? ['value_is_too_long'] : []),
  ]
  if (key.length === 0 && value.length === 0) return
  throw invalid({ ...(key.length > 0 && { key }), ...(value.length > 0 && { value }) })
}
