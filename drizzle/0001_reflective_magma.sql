CREATE TABLE "pulse" (
	"name" text PRIMARY KEY NOT NULL,
	"beat_at" timestamp (3) with time zone NOT NULL,
	"filler" text NOT NULL
);
