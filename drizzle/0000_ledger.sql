CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"lago_invoice_id" text,
	"lago_payment_request_id" text,
	"number" integer NOT NULL,
	"kind" text NOT NULL,
	"cause" text NOT NULL,
	"retry_index" integer NOT NULL,
	"status" text NOT NULL,
	"currency" char(3) NOT NULL,
	"amount" bigint NOT NULL,
	"dodo_session_id" text,
	"dodo_subscription_id" text,
	"dodo_payment_id" text,
	"checkout_url" text,
	"decline_code" text,
	"started_at" timestamp (3) with time zone NOT NULL,
	"handed_out_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"looked_at" timestamp (3) with time zone,
	"repeatable_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "attempts_number_unique" UNIQUE("lago_invoice_id","number"),
	CONSTRAINT "attempts_request_number_unique" UNIQUE("lago_payment_request_id","number"),
	CONSTRAINT "attempts_session_unique" UNIQUE("dodo_session_id"),
	CONSTRAINT "attempts_payment_unique" UNIQUE("dodo_payment_id")
);
--> statement-breakpoint
CREATE TABLE "bundle_invoices" (
	"lago_payment_request_id" text NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"position" integer NOT NULL,
	CONSTRAINT "bundle_invoices_pk" PRIMARY KEY("lago_payment_request_id","lago_invoice_id")
);
--> statement-breakpoint
CREATE TABLE "bundles" (
	"lago_payment_request_id" text PRIMARY KEY NOT NULL,
	"lago_customer_id" text NOT NULL,
	"currency" char(3) NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"reason" text DEFAULT 'not settled yet' NOT NULL,
	"amount_due" bigint DEFAULT 0 NOT NULL,
	"is_payable" boolean DEFAULT false NOT NULL,
	"pay_token" text NOT NULL,
	"requested_at" timestamp (3) with time zone,
	"settled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "bundles_pay_token_unique" UNIQUE("pay_token")
);
--> statement-breakpoint
CREATE TABLE "credit_notes" (
	"lago_credit_note_id" text PRIMARY KEY NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"number" text,
	"amount" bigint NOT NULL,
	"refund_status" text NOT NULL,
	"reason" text,
	"observed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credits" (
	"dodo_refund_id" text NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"status" text NOT NULL,
	"amount" bigint NOT NULL,
	"lago_credit_note_id" text,
	"reason" text,
	"needs_license" boolean DEFAULT false NOT NULL,
	"repeatable_at" timestamp (3) with time zone NOT NULL,
	"credited_at" timestamp (3) with time zone,
	CONSTRAINT "credits_pk" PRIMARY KEY("dodo_refund_id","lago_invoice_id")
);
--> statement-breakpoint
CREATE TABLE "customers" (
	"lago_customer_id" text PRIMARY KEY NOT NULL,
	"dodo_customer_id" text NOT NULL,
	"name" text,
	"email" text,
	"country" text,
	"currency" text,
	"pay_token" text NOT NULL,
	"requested_at" timestamp (3) with time zone,
	"setup_refusal" text,
	"setup_session_id" text,
	"setup_url" text,
	"setup_expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "customers_dodo_unique" UNIQUE("dodo_customer_id"),
	CONSTRAINT "customers_pay_token_unique" UNIQUE("pay_token")
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"source" text NOT NULL,
	"delivery_id" text NOT NULL,
	"event_type" text NOT NULL,
	"wakes" text,
	"wakes_key" text,
	"dodo_payment_id" text,
	"headers" jsonb NOT NULL,
	"body" "bytea" NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"processed_at" timestamp (3) with time zone,
	"outcome" text,
	CONSTRAINT "deliveries_pk" PRIMARY KEY("source","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "disputes" (
	"dodo_dispute_id" text PRIMARY KEY NOT NULL,
	"dodo_payment_id" text NOT NULL,
	"status" text NOT NULL,
	"stage" text NOT NULL,
	"is_by_rdr" boolean DEFAULT false NOT NULL,
	"amount" text NOT NULL,
	"currency" text NOT NULL,
	"observed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "findings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL,
	"found_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invoices" (
	"lago_invoice_id" text PRIMARY KEY NOT NULL,
	"number" text,
	"lago_customer_id" text,
	"customer_name" text,
	"currency" char(3),
	"amount_due" bigint DEFAULT 0 NOT NULL,
	"lago_status" text,
	"lago_payment_status" text,
	"lago_updated_at" text,
	"state" text DEFAULT 'open' NOT NULL,
	"reason" text DEFAULT 'not settled yet' NOT NULL,
	"is_payable" boolean DEFAULT false NOT NULL,
	"pay_token" text NOT NULL,
	"requested_at" timestamp (3) with time zone,
	"requested_by" text,
	"metadata_refusal" text,
	"next_wake_at" timestamp (3) with time zone,
	"settled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "invoices_pay_token_unique" UNIQUE("pay_token")
);
--> statement-breakpoint
CREATE TABLE "mandates" (
	"dodo_subscription_id" text PRIMARY KEY NOT NULL,
	"lago_customer_id" text NOT NULL,
	"currency" char(3) NOT NULL,
	"status" text NOT NULL,
	"is_ending" boolean DEFAULT false NOT NULL,
	"dodo_payment_method_id" text,
	"refusal" text,
	"made_at" timestamp (3) with time zone NOT NULL,
	"renewed_at" timestamp (3) with time zone NOT NULL,
	"observed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "payments" (
	"dodo_payment_id" text PRIMARY KEY NOT NULL,
	"lago_invoice_id" text,
	"attempt_id" uuid,
	"dodo_session_id" text,
	"dodo_subscription_id" text,
	"status" text NOT NULL,
	"currency" char(3) NOT NULL,
	"amount" bigint NOT NULL,
	"tax" bigint,
	"error_code" text,
	"is_setup" boolean DEFAULT false NOT NULL,
	"is_confirmed" boolean NOT NULL,
	"made_at" timestamp (3) with time zone NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL,
	"observed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "products" (
	"kind" text NOT NULL,
	"currency" char(3) NOT NULL,
	"dodo_product_id" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "products_pk" PRIMARY KEY("kind","currency")
);
--> statement-breakpoint
CREATE TABLE "recordings" (
	"dodo_payment_id" text NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"disposition" text NOT NULL,
	"status" text NOT NULL,
	"amount" bigint NOT NULL,
	"through" text,
	"lago_payment_id" text,
	"reason" text,
	"repeatable_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone,
	CONSTRAINT "recordings_pk" PRIMARY KEY("dodo_payment_id","lago_invoice_id")
);
--> statement-breakpoint
CREATE TABLE "refund_orders" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"dodo_payment_id" text NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"lago_credit_note_id" text,
	"cause" text NOT NULL,
	"status" text NOT NULL,
	"amount" bigint NOT NULL,
	"dodo_refund_id" text,
	"reason" text,
	"repeatable_at" timestamp (3) with time zone NOT NULL,
	"ordered_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "refund_orders_refund_unique" UNIQUE("dodo_refund_id")
);
--> statement-breakpoint
CREATE TABLE "refunds" (
	"dodo_refund_id" text PRIMARY KEY NOT NULL,
	"dodo_payment_id" text NOT NULL,
	"status" text NOT NULL,
	"currency" char(3),
	"amount" bigint,
	"refund_reason" text,
	"made_at" timestamp (3) with time zone NOT NULL,
	"observed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shares" (
	"attempt_id" uuid NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"amount" bigint NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	"is_live" boolean NOT NULL,
	CONSTRAINT "shares_pk" PRIMARY KEY("attempt_id","lago_invoice_id")
);
--> statement-breakpoint
CREATE TABLE "timeline" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"lago_invoice_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"what" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "top_ups" (
	"lago_invoice_id" text PRIMARY KEY NOT NULL,
	"lago_wallet_transaction_id" text NOT NULL,
	"lago_customer_id" text NOT NULL,
	"currency" char(3) NOT NULL,
	"amount" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_one_charge" ON "attempts" USING btree ("dodo_subscription_id") WHERE kind = 'charge' and status in ('intended', 'live', 'unknown');--> statement-breakpoint
CREATE INDEX "attempts_unfinished" ON "attempts" USING btree ("looked_at") WHERE status in ('intended', 'live', 'unknown');--> statement-breakpoint
CREATE INDEX "bundle_invoices_by_invoice" ON "bundle_invoices" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE INDEX "credit_notes_by_invoice" ON "credit_notes" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE INDEX "credits_by_invoice" ON "credits" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE INDEX "deliveries_unprocessed" ON "deliveries" USING btree ("received_at") WHERE processed_at is null;--> statement-breakpoint
CREATE INDEX "deliveries_by_key" ON "deliveries" USING btree ("wakes_key") WHERE processed_at is null;--> statement-breakpoint
CREATE INDEX "disputes_by_payment" ON "disputes" USING btree ("dodo_payment_id");--> statement-breakpoint
CREATE INDEX "invoices_next_wake" ON "invoices" USING btree ("next_wake_at") WHERE next_wake_at is not null;--> statement-breakpoint
CREATE INDEX "invoices_by_state" ON "invoices" USING btree ("state");--> statement-breakpoint
CREATE INDEX "invoices_by_number" ON "invoices" USING btree ("number");--> statement-breakpoint
CREATE INDEX "invoices_by_customer" ON "invoices" USING btree ("lago_customer_id");--> statement-breakpoint
CREATE INDEX "mandates_by_customer" ON "mandates" USING btree ("lago_customer_id");--> statement-breakpoint
CREATE INDEX "payments_by_invoice" ON "payments" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE INDEX "payments_by_session" ON "payments" USING btree ("dodo_session_id");--> statement-breakpoint
CREATE INDEX "payments_by_attempt" ON "payments" USING btree ("attempt_id");--> statement-breakpoint
CREATE INDEX "recordings_by_invoice" ON "recordings" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE UNIQUE INDEX "refund_orders_one_open" ON "refund_orders" USING btree ("dodo_payment_id") WHERE status in ('intended', 'unknown');--> statement-breakpoint
CREATE INDEX "refund_orders_by_invoice" ON "refund_orders" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE INDEX "refunds_by_payment" ON "refunds" USING btree ("dodo_payment_id");--> statement-breakpoint
CREATE INDEX "shares_by_invoice" ON "shares" USING btree ("lago_invoice_id");--> statement-breakpoint
CREATE UNIQUE INDEX "shares_one_live" ON "shares" USING btree ("lago_invoice_id") WHERE is_live;--> statement-breakpoint
CREATE INDEX "timeline_by_invoice" ON "timeline" USING btree ("lago_invoice_id","id");