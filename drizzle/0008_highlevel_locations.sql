CREATE TABLE "highlevel_locations" (
	"location_id" text PRIMARY KEY NOT NULL,
	"company_id" text,
	"state" text NOT NULL,
	"installed_at" timestamp (3) with time zone,
	"installed_before_at" timestamp (3) with time zone,
	"uninstalled_at" timestamp (3) with time zone,
	"connected_as" text,
	"connected_at" timestamp (3) with time zone,
	"problem" text,
	"taken_out_at" timestamp (3) with time zone,
	"answered_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "highlevel_tokens" (
	"owner" text PRIMARY KEY NOT NULL,
	"access_token" text,
	"refresh_token" text,
	"scope" text,
	"issued_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"refused_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "highlevel_locations_by_company" ON "highlevel_locations" USING btree ("company_id");