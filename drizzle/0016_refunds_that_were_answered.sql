ALTER TABLE "refund_requests" ADD COLUMN "answered_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "refund_requests" SET "answered_at" = "created_at";
