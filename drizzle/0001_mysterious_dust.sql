CREATE TABLE "intents" (
	"key" text PRIMARY KEY NOT NULL,
	"repeatable_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "refund_orders_one_open";--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "dodo_customer_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "credits" ADD COLUMN "told_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE UNIQUE INDEX "refund_orders_one_open" ON "refund_orders" USING btree ("dodo_payment_id") WHERE status in ('intended', 'unknown', 'waiting');--> statement-breakpoint
UPDATE "credits" SET "told_at" = "credited_at" WHERE "status" = 'credited';
