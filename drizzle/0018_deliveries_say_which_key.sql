ALTER TABLE "deliveries" ADD COLUMN "verified_with" text;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "replayed_at" timestamp (3) with time zone;