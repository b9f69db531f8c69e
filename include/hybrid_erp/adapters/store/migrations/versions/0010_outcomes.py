"""Outcomes: what became of a source's postings, in an order that never skips; and how far each webhook has told them."""

from alembic import op

revision = "0010"
down_revision = "0009"

# A row is made of the audit row that tells the same, in its transaction: whatever is audited is told, by whomever it was written. Rows are
# ordered as the audit trail is sealed: by the transaction that wrote them. An empty source is everybody's.
OUTCOMES = """
CREATE TABLE outcome (
    source       text NOT NULL,
    xid          bigint NOT NULL,
    outcome_no   bigint GENERATED ALWAYS AS IDENTITY,
    outcome_id   uuid NOT NULL,
    type         text NOT NULL CHECK (type IN ('posted', 'refused', 'corrected', 'cancelled', 'owner_changed')),
    recorded_at  timestamptz NOT NULL,
    region       text NOT NULL,
    posting_id   uuid,
    legal_entity text,
    erp          text,
    facts        jsonb NOT NULL,
    PRIMARY KEY (source, xid, outcome_no),
    CHECK ((type = 'owner_changed') = (source = ''))
);
COMMENT ON COLUMN outcome.outcome_id IS 'Made of what happened, so that the same is told under the same id after a restore, too.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON outcome FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON outcome FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION outcome_id_of(VARIADIC words text[]) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(substring(sha256(convert_to(array_to_string(words, E'\\x1f', '-'), 'UTF8')) FOR 16), 'hex')::uuid
$$;

-- One statement may write thousands of audit rows; those that tell of no outcome cost next to nothing. Each posting is looked up by its
-- key, whatever statistics say (OFFSET 0). What a document corrects is an earlier version of itself, or the document that it names.
CREATE FUNCTION tell_outcomes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM written WHERE action IN ('posted', 'dead_lettered', 'not_kept', 'cancelled', 'switched')) THEN
        RETURN NULL;
    END IF;
    WITH of_postings AS MATERIALIZED (
        SELECT w.audit_id, w.xid, w.recorded_at, w.region, w.action, w.posting_id, w.legal_entity, w.erp, w.details, p.*
        FROM written w CROSS JOIN LATERAL (
            SELECT p.source, p.accepted_on, p.document_type, p.identified_in, p.number, p.version,
                   coalesce(p.data->>'corrects', p.data->>'reverses') AS corrects
            FROM posting_key k JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
            WHERE k.posting_id = w.posting_id OFFSET 0) AS p
        WHERE w.action IN ('posted', 'dead_lettered', 'not_kept', 'cancelled')
          AND w.details->>'role' IS DISTINCT FROM 'candidate'
    ), of_controls AS (
        SELECT o.*, d.maybe_there FROM of_postings o LEFT JOIN LATERAL (
            SELECT role, maybe_there FROM delivery d WHERE d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
            AND d.legal_entity = o.legal_entity AND d.erp = o.erp OFFSET 0) AS d ON true
        WHERE o.action <> 'posted' AND coalesce(o.details->>'role', d.role) IS DISTINCT FROM 'candidate'
    ), told AS (
        SELECT audit_id, 1 AS place, source, xid, 'posted' AS type, recorded_at, region, posting_id, legal_entity, erp,
               details - '{role,content_hash}'::text[] AS facts,
               outcome_id_of('posted', posting_id::text, legal_entity, erp, details->>'native_id') AS outcome_id
        FROM of_postings WHERE action = 'posted'
        UNION ALL
        SELECT o.audit_id, 2, original.source, o.xid, 'corrected', o.recorded_at, o.region, original.posting_id, o.legal_entity, o.erp,
               (o.details - '{role,content_hash}'::text[]) || jsonb_build_object('corrected_by', jsonb_build_object(
                   'posting_id', o.posting_id, 'document_type', o.document_type, 'number', o.number, 'version', o.version)),
               outcome_id_of('corrected', original.posting_id::text, o.posting_id::text, o.legal_entity, o.erp)
        FROM of_postings o CROSS JOIN LATERAL (
            SELECT d.source, d.posting_id FROM document d
            WHERE d.identified_in = o.identified_in AND d.number = CASE WHEN o.version > 1 THEN o.number ELSE o.corrects END
              AND d.document_type = CASE WHEN o.version = 1 AND o.document_type = 'credit_memo' THEN 'invoice' ELSE o.document_type END
              AND (o.version = 1 OR d.version < o.version) ORDER BY d.version DESC LIMIT 1) AS original
        WHERE o.action = 'posted' AND (o.version > 1 OR o.corrects IS NOT NULL)
        UNION ALL
        SELECT audit_id, 1, source, xid, 'refused', recorded_at, region, posting_id, legal_entity, erp,
               jsonb_build_object('failure', details->>'failure', 'may_be_there', coalesce(maybe_there, false)),
               outcome_id_of('refused', posting_id::text, legal_entity, erp, extract(epoch FROM recorded_at)::text)
        FROM of_controls WHERE action = 'dead_lettered'
        UNION ALL
        SELECT audit_id, 1, source, xid, 'cancelled', recorded_at, region, posting_id, legal_entity, erp,
               jsonb_build_object('why', CASE action WHEN 'not_kept' THEN 'not_kept' ELSE 'given_up' END),
               outcome_id_of('cancelled', posting_id::text, legal_entity)
        FROM of_controls WHERE action IN ('not_kept', 'cancelled')
        UNION ALL
        SELECT w.audit_id, 1, '', w.xid, 'owner_changed', w.recorded_at, c.region, NULL, NULL, c.new_owner,
               jsonb_build_object('kinds', c.kinds, 'legal_entities', c.legal_entities, 'from_period', c.from_period,
                                  'old_owner', c.old_owner, 'new_owner', c.new_owner, 'direction', c.direction),
               outcome_id_of('owner_changed', c.cutover_id::text)
        FROM written w JOIN cutover c ON c.cutover_id = (w.details->>'cutover')::uuid WHERE w.action = 'switched'
    )
    INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts)
    SELECT source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts FROM told
    WHERE source NOT LIKE 'hybrid-erp/%' ORDER BY audit_id, place;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_outcomes AFTER INSERT ON audit REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tell_outcomes();

"""

# How far a webhook has told, and what it could not tell. Who sends for a source has its turn, which is a lease.
WEBHOOKS = """
CREATE TABLE webhook (
    source        text PRIMARY KEY,
    xid           bigint NOT NULL,
    outcome_no    bigint NOT NULL,
    begun_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt       integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT '-infinity',
    failing_since timestamptz,
    failure       text,
    held_by       uuid,
    held_until    timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON COLUMN webhook.attempt IS 'How often the outcome that is next has been sent in vain.';

CREATE TABLE dead_webhook (
    source      text NOT NULL REFERENCES webhook,
    xid         bigint NOT NULL,
    outcome_no  bigint NOT NULL,
    outcome_id  uuid NOT NULL,
    state       text NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'waiting', 'sent')),
    attempts    integer NOT NULL,
    failure     text NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_by text,
    sent_at     timestamptz,
    PRIMARY KEY (source, xid, outcome_no)
);
CREATE INDEX dead_webhook_open ON dead_webhook (source) WHERE state <> 'sent';
"""

RIGHTS = """
GRANT SELECT ON outcome, webhook, dead_webhook
    TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT, UPDATE ON webhook, dead_webhook TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (OUTCOMES, WEBHOOKS, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
