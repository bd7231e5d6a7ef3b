ALTER TABLE "invoices" RENAME TO "receivables";
--> statement-breakpoint
ALTER TABLE "receivables" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "receivables" RENAME COLUMN "lago_customer_id" TO "payer_key";
--> statement-breakpoint
ALTER TABLE "receivables" RENAME COLUMN "customer_name" TO "payer_name";
--> statement-breakpoint
ALTER INDEX "invoices_pkey" RENAME TO "receivables_pkey";
--> statement-breakpoint
ALTER TABLE "receivables" RENAME CONSTRAINT "invoices_pay_token_unique" TO "receivables_pay_token_unique";
--> statement-breakpoint
ALTER INDEX "invoices_next_wake" RENAME TO "receivables_next_wake";
--> statement-breakpoint
ALTER INDEX "invoices_by_state" RENAME TO "receivables_by_state";
--> statement-breakpoint
ALTER INDEX "invoices_by_number" RENAME TO "receivables_by_number";
--> statement-breakpoint
ALTER INDEX "invoices_by_customer" RENAME TO "receivables_by_payer";
--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "kind" text DEFAULT 'invoice' NOT NULL;
--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "reason_code" text;
--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "answered_at" timestamp (3) with time zone;
--> statement-breakpoint
INSERT INTO "receivables" ("receivable_id", "kind", "payer_key", "currency", "amount_due", "state", "reason", "is_payable",
	"pay_token", "requested_at", "requested_by", "answered_at", "settled_at", "created_at")
SELECT "lago_payment_request_id", 'payment_request', "lago_customer_id", "currency", "amount_due", "state", "reason", "is_payable",
	"pay_token", "requested_at", CASE WHEN "requested_at" IS NOT NULL THEN 'customer' END, "answered_at", "settled_at", "created_at"
FROM "bundles"
-- Somebody may have named a payment request as an invoice, which then had a row like one, and nothing else.
ON CONFLICT ("receivable_id") DO UPDATE SET "kind" = excluded."kind", "payer_key" = excluded."payer_key",
	"currency" = excluded."currency", "amount_due" = excluded."amount_due", "state" = excluded."state",
	"reason" = excluded."reason", "is_payable" = excluded."is_payable", "pay_token" = excluded."pay_token",
	"requested_at" = excluded."requested_at", "requested_by" = excluded."requested_by",
	"answered_at" = excluded."answered_at", "settled_at" = excluded."settled_at", "created_at" = excluded."created_at";
--> statement-breakpoint
ALTER TABLE "bundle_invoices" RENAME TO "members";
--> statement-breakpoint
ALTER TABLE "members" RENAME COLUMN "lago_invoice_id" TO "member_id";
--> statement-breakpoint
ALTER TABLE "members" RENAME COLUMN "lago_payment_request_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "members" RENAME CONSTRAINT "bundle_invoices_pk" TO "members_pk";
--> statement-breakpoint
ALTER INDEX "bundle_invoices_by_invoice" RENAME TO "members_by_member";
--> statement-breakpoint
ALTER TABLE "attempts" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
UPDATE "attempts" SET "receivable_id" = "lago_payment_request_id" WHERE "receivable_id" IS NULL;
--> statement-breakpoint
ALTER TABLE "attempts" ALTER COLUMN "receivable_id" SET NOT NULL;
--> statement-breakpoint
ALTER TABLE "attempts" DROP CONSTRAINT "attempts_request_number_unique";
--> statement-breakpoint
ALTER TABLE "attempts" DROP COLUMN "lago_payment_request_id";
--> statement-breakpoint
ALTER TABLE "shares" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "payments" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "recordings" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "refund_orders" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "credit_notes" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "credits" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "dismissals" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "timeline" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER TABLE "top_ups" RENAME COLUMN "lago_invoice_id" TO "receivable_id";
--> statement-breakpoint
ALTER INDEX "shares_by_invoice" RENAME TO "shares_by_receivable";
--> statement-breakpoint
ALTER INDEX "payments_by_invoice" RENAME TO "payments_by_receivable";
--> statement-breakpoint
ALTER INDEX "recordings_by_invoice" RENAME TO "recordings_by_receivable";
--> statement-breakpoint
ALTER INDEX "refund_orders_by_invoice" RENAME TO "refund_orders_by_receivable";
--> statement-breakpoint
ALTER INDEX "credit_notes_by_invoice" RENAME TO "credit_notes_by_receivable";
--> statement-breakpoint
ALTER INDEX "credits_by_invoice" RENAME TO "credits_by_receivable";
--> statement-breakpoint
ALTER INDEX "timeline_by_invoice" RENAME TO "timeline_by_receivable";
--> statement-breakpoint
ALTER TABLE "recordings" RENAME COLUMN "lago_payment_id" TO "books_payment_id";
--> statement-breakpoint
ALTER TABLE "refund_orders" RENAME COLUMN "lago_credit_note_id" TO "credit_note_id";
--> statement-breakpoint
ALTER TABLE "credit_notes" RENAME COLUMN "lago_credit_note_id" TO "credit_note_id";
--> statement-breakpoint
ALTER TABLE "credits" RENAME COLUMN "lago_credit_note_id" TO "credit_note_id";
--> statement-breakpoint
ALTER TABLE "top_ups" RENAME COLUMN "lago_customer_id" TO "payer_key";
--> statement-breakpoint
ALTER TABLE "customers" RENAME TO "payers";
--> statement-breakpoint
ALTER TABLE "payers" RENAME COLUMN "lago_customer_id" TO "payer_key";
--> statement-breakpoint
ALTER INDEX "customers_pkey" RENAME TO "payers_pkey";
--> statement-breakpoint
ALTER TABLE "payers" RENAME CONSTRAINT "customers_dodo_unique" TO "payers_dodo_unique";
--> statement-breakpoint
ALTER TABLE "payers" RENAME CONSTRAINT "customers_pay_token_unique" TO "payers_pay_token_unique";
--> statement-breakpoint
ALTER TABLE "mandates" RENAME COLUMN "lago_customer_id" TO "payer_key";
--> statement-breakpoint
ALTER INDEX "mandates_by_customer" RENAME TO "mandates_by_payer";
--> statement-breakpoint
DROP TABLE "bundles";
