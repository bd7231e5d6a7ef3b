CREATE TABLE "dismissals" (
	"lago_invoice_id" text NOT NULL,
	"reason" text NOT NULL,
	"dismissed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "dismissals_pk" PRIMARY KEY("lago_invoice_id","reason")
);
--> statement-breakpoint
CREATE TABLE "intents" (
	"key" text PRIMARY KEY NOT NULL,
	"repeatable_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pulse" (
	"name" text PRIMARY KEY NOT NULL,
	"beat_at" timestamp (3) with time zone NOT NULL,
	"filler" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" uuid PRIMARY KEY NOT NULL,
	"spent" jsonb NOT NULL,
	"beat_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "refund_orders_one_open";--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "dodo_customer_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "unpaid_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "bundles" ADD COLUMN "answered_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "credits" ADD COLUMN "sequence" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "credits" ADD COLUMN "refunded" bigint;--> statement-breakpoint
ALTER TABLE "credits" ADD COLUMN "told_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "retried_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "created_by" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "listed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "last_error" text;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "last_error_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "next_run_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "paid_elsewhere" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "paid_elsewhere_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "notes_looked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "payments" ADD COLUMN "settlement_amount" bigint;--> statement-breakpoint
ALTER TABLE "payments" ADD COLUMN "settlement_currency" text;--> statement-breakpoint
ALTER TABLE "payments" ADD COLUMN "missing_since" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "looked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "elsewhere" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "deliveries_full" ON "deliveries" USING btree ("processed_at") WHERE processed_at is not null and octet_length(body) > 0;--> statement-breakpoint
CREATE UNIQUE INDEX "refund_orders_one_open" ON "refund_orders" USING btree ("dodo_payment_id") WHERE status in ('intended', 'unknown', 'waiting');--> statement-breakpoint
ALTER TABLE "credits" DROP CONSTRAINT "credits_pk";
--> statement-breakpoint
ALTER TABLE "credits" ADD CONSTRAINT "credits_pk" PRIMARY KEY("dodo_refund_id","lago_invoice_id","sequence");
--> statement-breakpoint
UPDATE "credits" SET "told_at" = "credited_at" WHERE "status" = 'credited';
