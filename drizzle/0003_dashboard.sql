CREATE TABLE "operator_actions" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"who" text NOT NULL,
	"role" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"outcome" text NOT NULL,
	"form_id" uuid,
	CONSTRAINT "operator_actions_form_unique" UNIQUE("form_id")
);
--> statement-breakpoint
DROP INDEX "receivables_by_number";--> statement-breakpoint
CREATE INDEX "deliveries_by_age" ON "deliveries" USING btree ("received_at","delivery_id");--> statement-breakpoint
CREATE INDEX "deliveries_about" ON "deliveries" USING btree ("wakes_key","received_at");--> statement-breakpoint
CREATE INDEX "payments_by_time" ON "payments" USING btree ("made_at");--> statement-breakpoint
CREATE INDEX "receivables_by_name" ON "receivables" USING btree (lower("payer_name") text_pattern_ops);--> statement-breakpoint
CREATE INDEX "receivables_by_age" ON "receivables" USING btree ("created_at","receivable_id");--> statement-breakpoint
CREATE INDEX "recordings_held" ON "recordings" USING btree ("dodo_payment_id") WHERE status = 'held';--> statement-breakpoint
CREATE INDEX "refunds_by_time" ON "refunds" USING btree ("made_at");--> statement-breakpoint
CREATE INDEX "receivables_by_number" ON "receivables" USING btree ("number" text_pattern_ops);