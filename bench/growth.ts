import type postgres from 'postgres'

/** How much of each a large merchant has after years. */
export const GROWN = 1_000_000
const BODY_BYTES = 1_000

/** Writes down what is long done: deliveries that were read, and invoices that were opened, paid and recorded. */
export async function addPast(sql: postgres.Sql): Promise<void> {
  await sql`set search_path = dodo_bridge`
  await sql`
    insert into deliveries (source, delivery_id, event_type, wakes, wakes_key, headers, body, received_at,
      processed_at, outcome)
    select 'lago', 'past-' || n, 'invoice.created', 'settle', 'past-' || n, '{}',
      convert_to(repeat('x', ${BODY_BYTES}), 'utf8'), now() - n * interval '10s', now() - n * interval '10s', 'opened'
    from generate_series(1, ${GROWN}::int) n`
  await sql`
    insert into receivables (receivable_id, number, payer_key, payer_name, currency, lago_status, lago_payment_status,
      state, reason, pay_token, settled_at, created_at)
    select 'past-' || n, 'PAST-' || n, 'payer-' || n % 50000, 'Blue Fern ' || n % 50000, 'USD', 'finalized', 'succeeded',
      'paid', 'paid', md5('past-' || n), now() - n * interval '10s', now() - n * interval '10s'
    from generate_series(1, ${GROWN}::int) n`
  await sql`
    insert into attempts (id, receivable_id, number, kind, cause, retry_index, status, currency, amount, dodo_session_id,
      started_at, ended_at)
    select md5('past-' || n)::uuid, 'past-' || n, 1, 'checkout', 'invoice', 0, 'paid', 'USD', 5000, 'past-' || n,
      now() - n * interval '10s', now() - n * interval '10s'
    from generate_series(1, ${GROWN}::int) n`
  await sql`
    insert into shares (attempt_id, receivable_id, amount, is_live)
    select md5('past-' || n)::uuid, 'past-' || n, 5000, false from generate_series(1, ${GROWN}::int) n`
  await sql`
    insert into payments (dodo_payment_id, receivable_id, attempt_id, dodo_session_id, status, currency, amount,
      is_confirmed, made_at, changed_at, observed_at)
    select 'past-' || n, 'past-' || n, md5('past-' || n)::uuid, 'past-' || n, 'succeeded', 'USD', 5000, true,
      now() - n * interval '10s', now() - n * interval '10s', now() - n * interval '10s'
    from generate_series(1, ${GROWN}::int) n`
  await sql`
    insert into recordings (dodo_payment_id, receivable_id, disposition, status, amount, through, repeatable_at, recorded_at)
    select 'past-' || n, 'past-' || n, 'applied', 'recorded', 5000, 'payment', now() - n * interval '10s',
      now() - n * interval '10s'
    from generate_series(1, ${GROWN}::int) n`
  await sql.unsafe('vacuum analyze')
  await sql`set search_path = public`
}
