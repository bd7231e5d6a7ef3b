CREATE TABLE "orders" (
	"order_id" text PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"tenant" text NOT NULL,
	"mode" text NOT NULL,
	"key" text NOT NULL,
	"currency" char(3) NOT NULL,
	"amount" bigint NOT NULL,
	"email" text,
	"name" text,
	"claimed_at" timestamp (3) with time zone,
	"superseded_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "refund_requests" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"order_id" text NOT NULL,
	"dodo_payment_id" text NOT NULL,
	"amount" bigint NOT NULL,
	"reason" text,
	"key" text,
	"status" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "refund_requests_key_unique" UNIQUE("order_id","key")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "orders_one_current" ON "orders" USING btree ("source","tenant","mode","key") WHERE superseded_at is null;--> statement-breakpoint
CREATE INDEX "orders_by_key" ON "orders" USING btree ("source","tenant","mode","key");--> statement-breakpoint
CREATE INDEX "orders_by_age" ON "orders" USING btree ("created_at","order_id");--> statement-breakpoint
CREATE INDEX "refund_requests_by_payment" ON "refund_requests" USING btree ("dodo_payment_id","created_at");