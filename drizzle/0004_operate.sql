CREATE TABLE "conditions" (
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"version" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"gone_at" timestamp (3) with time zone,
	"told_at" timestamp (3) with time zone,
	"text" text NOT NULL,
	"data" jsonb NOT NULL,
	CONSTRAINT "conditions_pk" PRIMARY KEY("type","subject")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"error" text NOT NULL,
	"buried_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "dead_letters_pk" PRIMARY KEY("kind","key")
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"occasion" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"text" text NOT NULL,
	"data" jsonb NOT NULL,
	"state" text NOT NULL,
	"queued_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"error" text,
	CONSTRAINT "notifications_occasion_unique" UNIQUE("type","occasion")
);
--> statement-breakpoint
CREATE TABLE "signals" (
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"process" uuid NOT NULL,
	"level" integer NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "signals_pk" PRIMARY KEY("type","subject","process")
);
--> statement-breakpoint
CREATE TABLE "tallies" (
	"name" text NOT NULL,
	"label" text NOT NULL,
	"value" bigint NOT NULL,
	CONSTRAINT "tallies_pk" PRIMARY KEY("name","label")
);
--> statement-breakpoint
ALTER TABLE "disputes" ADD COLUMN "opened_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "notifications_waiting" ON "notifications" USING btree ("at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "notifications_ended" ON "notifications" USING btree ("ended_at");--> statement-breakpoint
CREATE INDEX "deliveries_by_time" ON "deliveries" USING btree ("source","received_at","delivery_id");