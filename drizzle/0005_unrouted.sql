CREATE TABLE "unrouted" (
	"source" text NOT NULL,
	"delivery_id" text NOT NULL,
	"wakes" text NOT NULL,
	"wakes_key" text NOT NULL
);
--> statement-breakpoint
DROP INDEX "deliveries_unprocessed";