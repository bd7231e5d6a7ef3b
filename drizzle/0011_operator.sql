ALTER TABLE "mandates" ADD COLUMN "stopped_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "seen_reason" text;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "seen_by" text;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "seen_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "receivables" ADD COLUMN "seen_note" text;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "ruling" text;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "ruled_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "ruled_amount" bigint;--> statement-breakpoint
ALTER TABLE "recordings" ADD COLUMN "ruled_why" text;