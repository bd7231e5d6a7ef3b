CREATE TABLE "replicas" (
	"id" uuid PRIMARY KEY NOT NULL,
	"spent" jsonb NOT NULL,
	"beat_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "invoices" ADD COLUMN "listed_at" timestamp (3) with time zone;