CREATE TABLE "highlevel_applied" (
	"order_id" text PRIMARY KEY NOT NULL,
	"looked_at" timestamp (3) with time zone NOT NULL,
	"applied_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "highlevel_setups" (
	"ref" text PRIMARY KEY NOT NULL,
	"location_id" text NOT NULL,
	"mode" text NOT NULL,
	"account" text DEFAULT 'default' NOT NULL,
	"contact_id" text NOT NULL,
	"payer_key" text NOT NULL,
	"currency" char(3) NOT NULL,
	"begins" uuid,
	"nonce" text NOT NULL,
	"status" text NOT NULL,
	"checkout_url" text,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"dodo_subscription_id" text,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "highlevel_subscriptions" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"location_id" text NOT NULL,
	"mode" text NOT NULL,
	"subscription_id" text NOT NULL,
	"transaction_id" text NOT NULL,
	"account" text DEFAULT 'default' NOT NULL,
	"contact_id" text NOT NULL,
	"payer_key" text NOT NULL,
	"email" text,
	"name" text,
	"country" text,
	"dodo_subscription_id" text,
	"currency" char(3) NOT NULL,
	"amount" bigint NOT NULL,
	"interval" text NOT NULL,
	"interval_count" integer NOT NULL,
	"trial_days" integer NOT NULL,
	"total_cycles" integer,
	"anchor_at" timestamp (3) with time zone,
	"trial_end_at" timestamp (3) with time zone,
	"next_cycle" integer DEFAULT 1 NOT NULL,
	"status" text NOT NULL,
	"trouble" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"next_wake_at" timestamp (3) with time zone,
	CONSTRAINT "highlevel_subscriptions_unique" UNIQUE("location_id","mode","subscription_id")
);
--> statement-breakpoint
CREATE INDEX "highlevel_applied_not_yet" ON "highlevel_applied" USING btree ("looked_at") WHERE applied_at is null;--> statement-breakpoint
CREATE INDEX "highlevel_setups_open" ON "highlevel_setups" USING btree ("created_at") WHERE status in ('intended', 'open');--> statement-breakpoint
CREATE INDEX "highlevel_subscriptions_by_mandate" ON "highlevel_subscriptions" USING btree ("dodo_subscription_id");--> statement-breakpoint
CREATE INDEX "highlevel_subscriptions_next_wake" ON "highlevel_subscriptions" USING btree ("next_wake_at") WHERE next_wake_at is not null;