ALTER TABLE "mandates" ADD COLUMN "card_network" text;--> statement-breakpoint
ALTER TABLE "mandates" ADD COLUMN "card_last_four" text;--> statement-breakpoint
ALTER TABLE "mandates" ADD COLUMN "card_ends" text;--> statement-breakpoint
ALTER TABLE "mandates" ADD COLUMN "card_read_at" timestamp (3) with time zone;