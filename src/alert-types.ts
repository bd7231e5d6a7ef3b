/** What may be told; `ends` is what is told when it is over, where that is news. */
type Declared = {
  ends?: string
  /** Whether it is told only to whoever asks for it. */
  isOff?: boolean
}

/** Everything that somebody is told of. Each has its paragraph in docs/operations.md. */
export const ALERTS = {
  'invoice.attention': { ends: 'invoice.attention_ended' },
  'money.held': { ends: 'money.released' },
  'money.duplicate': {},
  'refund.failed': {},
  'dispute.opened': { ends: 'dispute.closed' },
  'dispute.due': {},
  'ledger.difference': { ends: 'ledger.agrees' },
  'webhooks.lost': {},
  'webhooks.refused': { ends: 'webhooks.verified' },
  'job.buried': {},
  'service.unreachable': { ends: 'service.answers' },
  'key.refused': { ends: 'key.accepted' },
  'sweep.late': { ends: 'sweep.done' },
  'card.unusable': {},
  daily_summary: { isOff: true },
  test: {},
} as const satisfies Record<string, Declared>

export type AlertType = keyof typeof ALERTS
export const ALERT_TYPES = Object.keys(ALERTS) as AlertType[]

/** What is told when an alert is over; undefined where nobody is told. */
export function endOf(type: AlertType): string | undefined {
  const declared: Declared = ALERTS[type]
  return declared.ends
}

/** Every type that a notification may have. */
export const TOLD_TYPES: readonly string[] = [
  ...ALERT_TYPES.flatMap((type) => [type, ...[endOf(type) ?? []].flat()]),
  'digest',
]

/** What is told: what was asked for, else everything, and the summary to whoever says when. */
export function alertTypesOf(
  asked: readonly AlertType[] | undefined,
  summaryAt: string | undefined,
): readonly AlertType[] {
  if (asked) return asked
  return ALERT_TYPES.filter((type) => {
    const { isOff = false }: Declared = ALERTS[type]
    return !isOff || summaryAt !== undefined
  })
}

/** Something that is wrong at this moment. It is the same as long as type and subject are. */
export type Condition = {
  type: AlertType
  subject: string
  /** When this changes it is news again. */
  version: string
  text: string
  data: Record<string, unknown>
}

/** Something that happened, and is told once. */
export type Occurrence = Omit<Condition, 'version'> & {
  /** Of the same type and occasion there is one, for ever. */
  occasion: string
}
