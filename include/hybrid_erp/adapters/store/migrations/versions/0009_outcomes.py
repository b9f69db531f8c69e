"""Outcomes: what became of a source's postings, in an order that never skips; and how far each webhook has told them."""

from alembic import op

revision = "0009"
down_revision = "0007"

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

-- The posting that another one corrects: an earlier version of the same document, or the document that it names.
CREATE FUNCTION corrected_by(p posting) RETURNS posting LANGUAGE sql STABLE AS $$
    SELECT o.* FROM document d JOIN posting_key k ON k.posting_id = d.posting_id
    JOIN posting o ON o.accepted_on = k.accepted_on AND o.posting_id = k.posting_id
    WHERE d.identified_in = p.identified_in AND CASE WHEN p.version > 1
          THEN d.document_type = p.document_type AND d.number = p.number AND d.version < p.version
          ELSE d.document_type = CASE p.document_type WHEN 'credit_memo' THEN 'invoice' ELSE p.document_type END
               AND d.number = p.data->>'corrects' END
    ORDER BY d.version DESC LIMIT 1
$$;

CREATE FUNCTION tell_outcome() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p posting;
    original posting;
    d delivery;
BEGIN
    IF NEW.action = 'switched' THEN
        INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, erp, facts)
        SELECT '', NEW.xid, outcome_id_of('owner_changed', c.cutover_id::text), 'owner_changed', NEW.recorded_at, c.region, c.new_owner,
               jsonb_build_object('kinds', c.kinds, 'legal_entities', c.legal_entities, 'from_period', c.from_period,
                                  'old_owner', c.old_owner, 'new_owner', c.new_owner, 'direction', c.direction)
        FROM cutover c WHERE c.cutover_id = (NEW.details->>'cutover')::uuid;
        RETURN NULL;
    END IF;
    SELECT q.* INTO p FROM posting_key k JOIN posting q ON q.accepted_on = k.accepted_on AND q.posting_id = k.posting_id
    WHERE k.posting_id = NEW.posting_id;
    IF NOT FOUND OR p.source LIKE 'hybrid-erp/%' THEN RETURN NULL; END IF;
    IF NEW.action = 'posted' THEN
        INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts)
        VALUES (p.source, NEW.xid, outcome_id_of('posted', NEW.posting_id::text, NEW.legal_entity, NEW.erp, NEW.details->>'native_id'),
                'posted', NEW.recorded_at, NEW.region, NEW.posting_id, NEW.legal_entity, NEW.erp,
                NEW.details - '{role,content_hash}'::text[]);
        IF p.version = 1 AND p.data->>'corrects' IS NULL THEN RETURN NULL; END IF;
        original := corrected_by(p);
        IF original.posting_id IS NULL OR original.source LIKE 'hybrid-erp/%' THEN RETURN NULL; END IF;
        INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts)
        VALUES (original.source, NEW.xid,
                outcome_id_of('corrected', original.posting_id::text, p.posting_id::text, NEW.legal_entity, NEW.erp),
                'corrected', NEW.recorded_at, NEW.region, original.posting_id, NEW.legal_entity, NEW.erp,
                (NEW.details - '{role,content_hash}'::text[]) || jsonb_build_object('corrected_by', jsonb_build_object(
                    'posting_id', p.posting_id, 'document_type', p.document_type, 'number', p.number, 'version', p.version)));
        RETURN NULL;
    END IF;
    SELECT q.* INTO d FROM delivery q
    WHERE q.accepted_on = p.accepted_on AND q.posting_id = p.posting_id AND q.legal_entity = NEW.legal_entity AND q.erp = NEW.erp;
    IF coalesce(NEW.details->>'role', d.role) = 'candidate' THEN RETURN NULL; END IF;
    IF NEW.action = 'dead_lettered' THEN
        INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts)
        VALUES (p.source, NEW.xid,
                outcome_id_of('refused', NEW.posting_id::text, NEW.legal_entity, NEW.erp, extract(epoch FROM NEW.recorded_at)::text),
                'refused', NEW.recorded_at, NEW.region, NEW.posting_id, NEW.legal_entity, NEW.erp,
                jsonb_build_object('failure', NEW.details->>'failure', 'may_be_there', coalesce(d.maybe_there, false)));
    ELSE
        INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, posting_id, legal_entity, erp, facts)
        VALUES (p.source, NEW.xid, outcome_id_of('cancelled', NEW.posting_id::text, NEW.legal_entity), 'cancelled', NEW.recorded_at,
                NEW.region, NEW.posting_id, NEW.legal_entity, NEW.erp,
                jsonb_build_object('why', CASE NEW.action WHEN 'not_kept' THEN 'not_kept' ELSE 'given_up' END));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_outcome AFTER INSERT ON audit FOR EACH ROW
    WHEN (NEW.action IN ('posted', 'dead_lettered', 'not_kept', 'cancelled', 'switched')
          AND NEW.details->>'role' IS DISTINCT FROM 'candidate')
    EXECUTE FUNCTION tell_outcome();

-- Of which PostgreSQL, history and database a position speaks.
CREATE FUNCTION store_name() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT store_timeline() || '/' || oid FROM pg_database WHERE datname = current_database()
$$;
"""

# How far a webhook has told, and what it could not tell. Who sends for a source holds an advisory lock of class 7 on it.
WEBHOOKS = """
CREATE TABLE webhook (
    source        text PRIMARY KEY,
    xid           bigint NOT NULL,
    outcome_no    bigint NOT NULL,
    begun_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt       integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL DEFAULT '-infinity',
    failing_since timestamptz,
    failure       text
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
