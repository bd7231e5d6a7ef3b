CREATE TABLE "account_pages" (
	"payer_key" text PRIMARY KEY NOT NULL,
	"token" text NOT NULL,
	"language" text,
	"timezone" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "account_pages_token_unique" UNIQUE("token")
);
--> statement-breakpoint
CREATE TABLE "selections" (
	"receivable_id" text PRIMARY KEY NOT NULL,
	"payer_key" text NOT NULL,
	"currency" char(3) NOT NULL,
	"superseded_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "payments" ADD COLUMN "card_network" text;--> statement-breakpoint
ALTER TABLE "payments" ADD COLUMN "card_last_four" text;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "due_on" date;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "billing_entity" text;--> statement-breakpoint
CREATE UNIQUE INDEX "selections_one_current" ON "selections" USING btree ("payer_key","currency") WHERE superseded_at is null;