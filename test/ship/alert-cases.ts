type Series = { series: string; values: string }

/** A hundred minutes of a value that stays as it is, or grows each minute. */
const stays = (series: string, value: number): Series => ({ series, values: `${value}x100` })
const grows = (series: string, by: number): Series => ({ series, values: `0+${by}x100` })

/** `time()` begins at zero in these tests. */
const NOW_SECONDS = 100 * 60
const interval = stays('bridge_sweep_interval_seconds', 300)

/** What a bridge looks like that is well. */
export const QUIET: Series[] = [
  stays('bridge_build_info{version="1"}', 1),
  stays('bridge_ready{instance="a"}', 1),
  grows('bridge_deliveries_total{source="lago",result="stored"}', 60),
  stays('bridge_deliveries_total{source="lago",result="unavailable"}', 0),
  stays('bridge_deliveries_total{source="lago",result="refused"}', 3),
  stays('bridge_webhooks_lost_total{source="dodo"}', 7),
  stays('bridge_delivery_unread_oldest_age_seconds{source="dodo"}', 2),
  grows('bridge_sweep_last_success_timestamp_seconds', 60),
  interval,
  stays('bridge_attention_invoices{reason="gave_up",seen="no"}', 0),
  stays('bridge_attention_oldest_age_seconds', 0),
  stays('bridge_held_amount{currency="USD",disposition="late"}', 0),
  stays('bridge_duplicate_payments_total{handling="refunded"}', 4),
  stays('bridge_unknown_outcome_oldest_age_seconds', 30),
  stays('bridge_ledger_differences{explained="no"}', 0),
  stays('bridge_ledger_differences{explained="yes"}', 9),
  stays('bridge_refunds{status="failed"}', 0),
  stays('bridge_refunds{status="pending"}', 2),
  stays('bridge_dispute_next_deadline_timestamp_seconds', NOW_SECONDS + 5 * 86_400),
  grows('bridge_payments_total{status="succeeded",kind="checkout"}', 5),
  grows('bridge_payments_total{status="failed",kind="checkout"}', 1),
  grows('bridge_api_requests_total{service="lago",method="GET",code="2xx"}', 100),
  grows('bridge_api_requests_total{service="lago",method="GET",code="5xx"}', 1),
  stays('bridge_api_requests_total{service="lago",method="GET",code="401"}', 0),
  // A Lago without a licence says so once a day, of each function that wants one.
  {
    series: 'bridge_api_requests_total{service="lago",method="POST",code="403"}',
    values: '1x95 2x5',
  },
  // A shop that is away, and a location whose token was taken back.
  grows('bridge_api_requests_total{service="openfront",method="POST",code="none"}', 30),
  grows('bridge_api_requests_total{service="highlevel",method="GET",code="401"}', 1),
  stays('bridge_api_requests_total{service="dodo",method="GET",code="429"}', 2),
  stays('bridge_job_oldest_ready_age_seconds{kind="settle"}', 1),
  stays('bridge_dead_letters{kind="settle"}', 0),
  stays('bridge_notifications_total{type="test",result="failed"}', 0),
]

/** Where not one replica is ready, which is not where one of two is. */
export const NOT_READY: Series[] = [stays('bridge_ready{instance="a"}', 0)]

/** What makes each alert fire, once, and only on one replica's word where two say the same. */
export const FIRING: Record<string, Series[]> = {
  BridgeAbsent: [],
  BridgeReplicaNotReady: [
    stays('bridge_ready{instance="a"}', 1),
    stays('bridge_ready{instance="b"}', 0),
  ],
  BridgeWebhooksUnavailable: [
    grows('bridge_deliveries_total{source="lago",result="unavailable"}', 1),
  ],
  BridgeWebhooksRefused: [grows('bridge_deliveries_total{source="dodo",result="refused"}', 1)],
  BridgeWebhooksLost: [
    grows('bridge_webhooks_lost_total{source="dodo",instance="a"}', 1),
    grows('bridge_webhooks_lost_total{source="dodo",instance="b"}', 1),
  ],
  BridgeDeliveriesUnread: [stays('bridge_delivery_unread_oldest_age_seconds{source="dodo"}', 700)],
  BridgeSweepLate: [stays('bridge_sweep_last_success_timestamp_seconds', 60), interval],
  BridgeSweepStopped: [stays('bridge_sweep_last_success_timestamp_seconds', 60), interval],
  BridgeAttention: [
    stays('bridge_attention_invoices{reason="held_late",seen="no",instance="a"}', 2),
    stays('bridge_attention_invoices{reason="held_late",seen="no",instance="b"}', 2),
  ],
  BridgeAttentionOld: [stays('bridge_attention_oldest_age_seconds', 200_000)],
  BridgeMoneyHeld: [stays('bridge_held_amount{currency="USD",disposition="late"}', 12.5)],
  BridgeDuplicatePayment: [
    { series: 'bridge_duplicate_payments_total{handling="refunded"}', values: '0x90 1x10' },
  ],
  BridgeUnknownOutcome: [stays('bridge_unknown_outcome_oldest_age_seconds', 1_000)],
  BridgeLedgerDifference: [stays('bridge_ledger_differences{explained="no"}', 1)],
  BridgeRefundFailed: [stays('bridge_refunds{status="refused"}', 1)],
  BridgeDisputeDue: [
    stays('bridge_dispute_next_deadline_timestamp_seconds', NOW_SECONDS + 2 * 86_400),
  ],
  BridgeDeclinesHigh: [
    grows('bridge_payments_total{status="succeeded",kind="checkout"}', 1),
    grows('bridge_payments_total{status="failed",kind="checkout"}', 3),
  ],
  BridgeServiceUnreachable: [
    grows('bridge_api_requests_total{service="dodo",method="GET",code="none"}', 30),
    grows('bridge_api_requests_total{service="dodo",method="GET",code="2xx"}', 1),
  ],
  BridgeKeyRefused: [
    {
      series: 'bridge_api_requests_total{service="lago",method="GET",code="401"}',
      values: '0x95 1x5',
    },
  ],
  BridgeRateLimited: [
    grows('bridge_api_requests_total{service="dodo",method="GET",code="429"}', 5),
  ],
  BridgeJobsLate: [stays('bridge_job_oldest_ready_age_seconds{kind="settle"}', 400)],
  BridgeDeadLetters: [stays('bridge_dead_letters{kind="trace"}', 1)],
  BridgeNotificationsFail: [
    { series: 'bridge_notifications_total{type="test",result="failed"}', values: '0x90 1x10' },
  ],
}
