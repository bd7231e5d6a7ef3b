CREATE TABLE "mails" (
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"occasion" text DEFAULT '' NOT NULL,
	"payer_key" text NOT NULL,
	"state" text NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"reason" text,
	"address" text,
	"planned_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"next_try_at" timestamp (3) with time zone,
	CONSTRAINT "mails_pk" PRIMARY KEY("kind","subject","occasion"),
	CONSTRAINT "mails_id_unique" UNIQUE("id")
);
--> statement-breakpoint
ALTER TABLE "account_pages" ADD COLUMN "link_on_invoice" text;--> statement-breakpoint
CREATE INDEX "mails_next_try" ON "mails" USING btree ("next_try_at") WHERE next_try_at is not null;--> statement-breakpoint
CREATE INDEX "mails_by_payer" ON "mails" USING btree ("payer_key","ended_at");--> statement-breakpoint
CREATE INDEX "mails_by_subject" ON "mails" USING btree ("subject");--> statement-breakpoint
-- Whoever was invoiced before there were account pages has one now, behind 128 random bits as everybody.
INSERT INTO "account_pages" ("payer_key", "token", "created_at")
SELECT "known"."payer_key",
	translate(encode(substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM 1 FOR 16), 'base64'), '+/=', '-_'),
	now()
FROM (SELECT DISTINCT "payer_key" FROM "receivables" WHERE "kind" = 'invoice' AND "payer_key" IS NOT NULL) AS "known"
ON CONFLICT DO NOTHING;
