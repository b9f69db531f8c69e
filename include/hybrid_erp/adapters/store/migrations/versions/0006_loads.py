"""Loads: the snapshot that a legal entity's opening figures are of, its work list, and the one way from there into the outbox."""

from alembic import op

revision = "0006"
down_revision = "0005"

# A legal entity has one load at a time that is not abandoned: its snapshot is taken once, and whoever runs it again goes on with its list.
LOADS = """
CREATE TABLE load (
    load_id             uuid PRIMARY KEY,
    region              text NOT NULL,
    legal_entity        text NOT NULL,
    legacy              text NOT NULL,
    cloud               text NOT NULL,
    ordinal             integer NOT NULL,
    accounting_on       date NOT NULL,
    functional_currency text NOT NULL,
    state               text NOT NULL DEFAULT 'read' CHECK (state IN ('read', 'sent', 'verified', 'abandoned')),
    instant             timestamptz NOT NULL,
    cursor              text NOT NULL,
    cloud_cursor        text NOT NULL,
    settle_position     bigint NOT NULL,
    configuration       text NOT NULL,
    requested_by        text NOT NULL,
    read_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at             timestamptz,
    verified_at         timestamptz,
    checks              jsonb,
    UNIQUE (legal_entity, cloud, ordinal)
);
CREATE UNIQUE INDEX load_at_a_time ON load (legal_entity, cloud) WHERE state <> 'abandoned';
COMMENT ON COLUMN load.instant IS 'Of the snapshot, by the legacy ERP''s own clock.';
COMMENT ON COLUMN load.configuration IS 'SHA-256 of the configuration folder that the work list was made by.';
COMMENT ON COLUMN load.settle_position IS 'Every posting that the legacy ERP settled up to here is in the snapshot.';

CREATE TABLE load_balance (
    load_id        uuid NOT NULL REFERENCES load,
    side           text NOT NULL CHECK (side IN ('legacy', 'cloud', 'loaded')),
    period         text NOT NULL,
    native_account text NOT NULL,
    account        text,
    amount         numeric NOT NULL,
    PRIMARY KEY (load_id, side, period, native_account)
);
COMMENT ON TABLE load_balance IS 'In functional currency, debit positive: the trial balance of the legacy ERP at the snapshot, of the cloud
ERP before anything was sent, and what the load books. Afterwards legacy less `legacy` equals cloud less `cloud` less `loaded`.';
COMMENT ON COLUMN load_balance.account IS 'Canonical; null where the mapping did not know the native one.';

CREATE TABLE load_document (
    load_id    uuid NOT NULL REFERENCES load,
    native_id  text NOT NULL,
    posting_id uuid,
    posted     boolean NOT NULL,
    PRIMARY KEY (load_id, native_id)
);
COMMENT ON TABLE load_document IS 'The documents that the snapshot showed: they are in the opening figures and come by nothing else.';

CREATE TABLE load_item (
    load_id           uuid NOT NULL REFERENCES load,
    place             integer NOT NULL,
    document_type     text NOT NULL,
    number            text NOT NULL,
    posting_id        uuid NOT NULL,
    made              boolean NOT NULL,
    sent              boolean NOT NULL DEFAULT false,
    currency          text,
    amount            numeric NOT NULL,
    functional_amount numeric NOT NULL,
    party             text,
    due_on            date,
    legacy_id         text,
    posting           jsonb,
    data              jsonb,
    PRIMARY KEY (load_id, place)
);
CREATE INDEX load_item_unsent ON load_item (load_id, place) WHERE NOT sent;
CREATE INDEX load_item_posting ON load_item (posting_id);
COMMENT ON COLUMN load_item.made IS 'By the load; false: the store''s own posting, which goes to the cloud ERP too.';
COMMENT ON COLUMN load_item.data IS 'The document of one that is made, until it is sent: then `posting` holds it, and its erasure.';

CREATE TABLE load_gap (
    load_id   uuid NOT NULL REFERENCES load,
    place     integer NOT NULL,
    gap_class text NOT NULL,
    subject   text NOT NULL,
    reason    text NOT NULL,
    amount    numeric,
    PRIMARY KEY (load_id, place)
);
"""

# One statement a batch: keys, contents, dependencies, places in the outbox and the mark in the work list, all or none. A figure that the
# load makes has no lane: all of them bear one date and commute, so that one that is refused holds back only what names it. What the store
# knows takes its control's place, so that later states come after it. The business key is taken by opening figures alone: customers,
# projects and time entries stay their source's own.
SENDING = """
CREATE FUNCTION send_load(p_load_id uuid, p_limit integer, p_by text) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    l load%ROWTYPE;
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    moved integer;
BEGIN
    SELECT * INTO l FROM load WHERE load_id = p_load_id FOR UPDATE;
    IF NOT FOUND THEN RAISE EXCEPTION 'there is no load %', p_load_id USING ERRCODE = 'no_data_found'; END IF;
    IF l.state = 'abandoned' THEN
        RAISE EXCEPTION 'the load of % was abandoned', l.legal_entity USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    WITH next AS (
        SELECT i.*, CASE WHEN i.made THEN nextval('posting_seq') END AS seq
        FROM (SELECT * FROM load_item WHERE load_id = p_load_id AND NOT sent ORDER BY place LIMIT p_limit) i
    ), keys AS (
        INSERT INTO posting_key (posting_id, content_hash, accepted_on)
        SELECT posting_id, decode(posting->>'content_hash', 'hex'), today FROM next WHERE made
    ), contents AS (
        INSERT INTO posting (accepted_on, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version,
                             correlation_id, accepted_at, accepted_by, data)
        SELECT today, posting_id, seq, posting->>'source', posting->>'event_id', posting->>'event_type', document_type,
               posting->>'identified_in', number, (posting->>'version')::integer, posting->>'correlation_id', clock_timestamp(), p_by, data
        FROM next WHERE made
    ), documents AS (
        INSERT INTO document (document_type, identified_in, number, version, source, content_hash, posting_id)
        SELECT document_type, posting->>'identified_in', number, (posting->>'version')::integer, posting->>'source',
               decode(posting->>'content_hash', 'hex'), posting_id
        FROM next WHERE made AND document_type IN ('open_item', 'opening_balance')
    ), dependencies AS (
        INSERT INTO dependency (posting_id, document_type, legal_entity, number, until)
        SELECT n.posting_id, d.document_type, d.legal_entity, d.number, d.until
        FROM next n, jsonb_to_recordset(n.posting->'depends_on') AS d (document_type text, legal_entity text, number text, until text)
        WHERE n.made
    ), waiting AS (
        INSERT INTO outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key, lane,
                            role, priority)
        SELECT n.posting_id, l.legal_entity, l.cloud, today,
               CASE WHEN n.posting->>'kind' = 'reference' THEN n.seq ELSE nextval('settle_position_seq') END, l.region,
               n.posting->>'kind', n.document_type, n.posting->>'period', n.posting->>'routing_key', n.posting->>'lane', 'candidate', 1
        FROM next n WHERE n.made
        UNION ALL
        SELECT n.posting_id, l.legal_entity, l.cloud, o.accepted_on,
               CASE WHEN o.kind = 'reference' THEN o.seq ELSE coalesce(d.settle_position, o.seq) END, o.region, o.kind, o.document_type,
               o.period, o.routing_key,
               CASE WHEN o.kind = 'reference' THEN l.cloud || substr(o.lane, length(l.legacy) + 1) ELSE l.cloud || '/' || o.lane END,
               'candidate', 1
        FROM next n
        JOIN outbox o ON o.posting_id = n.posting_id AND o.legal_entity = l.legal_entity AND o.role = 'control'
                      AND o.destination = CASE WHEN o.kind = 'reference' THEN l.legacy ELSE '' END
        LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                             AND d.erp = l.legacy AND d.state = 'posted'
        WHERE NOT n.made
        ON CONFLICT (posting_id, legal_entity, destination) DO NOTHING
        RETURNING posting_id, document_type
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, correlation_id, details)
        SELECT l.region, p_by, 'loaded', w.posting_id, l.legal_entity, l.cloud, n.posting->>'correlation_id',
               jsonb_build_object('load_id', p_load_id, 'type', w.document_type, 'number', n.number, 'made', n.made,
                                  'content_hash', n.posting->>'content_hash')
        FROM waiting w JOIN next n USING (posting_id)
    ), marked AS (
        UPDATE load_item i SET sent = true, data = NULL FROM next n WHERE i.load_id = n.load_id AND i.place = n.place RETURNING i.place
    )
    SELECT count(*) INTO moved FROM marked;
    IF moved < p_limit AND l.state = 'read' THEN
        UPDATE load SET state = 'sent', sent_at = clock_timestamp() WHERE load_id = p_load_id;
        INSERT INTO audit (region, actor, action, legal_entity, erp, details)
        VALUES (l.region, p_by, 'load_sent', l.legal_entity, l.cloud, jsonb_build_object('load_id', p_load_id));
    END IF;
    RETURN moved;
END $$;

-- What is in the opening figures is there for whatever names it later: a payment or credit memo of an invoice, the reversal of an entry. An
-- open invoice is its open item; what nobody told the facade gets the open item's number at both ERPs, so that capture can name it.
CREATE FUNCTION name_loaded(p_load_id uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id, legal_number, posting_id)
    SELECT l.cloud, there.legal_entity, there.document_type, there.number, coalesce(item.native_id, 'opening figures'),
           there.legal_number, there.posting_id
    FROM load l JOIN load_document d ON d.load_id = l.load_id AND d.posted
    JOIN crosswalk there ON there.erp = l.legacy AND there.legal_entity = l.legal_entity AND there.posting_id = d.posting_id
    LEFT JOIN crosswalk item ON item.erp = l.cloud AND item.legal_entity = l.legal_entity AND item.document_type = 'open_item'
                             AND item.number = there.number AND there.document_type = 'invoice'
    WHERE l.load_id = p_load_id
    ON CONFLICT (erp, legal_entity, document_type, number) DO NOTHING;
    INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id, legal_number)
    SELECT side.erp, l.legal_entity, 'invoice', i.number, side.native_id, item.legal_number
    FROM load l JOIN load_item i ON i.load_id = l.load_id AND i.legacy_id IS NOT NULL
    JOIN crosswalk item ON item.erp = l.cloud AND item.legal_entity = l.legal_entity AND item.document_type = 'open_item'
                        AND item.number = i.number
    CROSS JOIN LATERAL (VALUES (l.legacy, i.legacy_id), (l.cloud, item.native_id)) AS side (erp, native_id)
    WHERE l.load_id = p_load_id
    ON CONFLICT (erp, legal_entity, document_type, number) DO NOTHING;
$$;

-- Gives a load up, so that another snapshot may be taken: before the dual run alone, and while nothing of it is under way. What waits is
-- cancelled. That no figure of it stands in the cloud ERP is asked of the cloud ERP by the next load.
CREATE FUNCTION abandon_load(p_load_id uuid, p_by text, p_reason text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    l load%ROWTYPE;
    given_up bigint;
BEGIN
    SELECT * INTO l FROM load WHERE load_id = p_load_id;
    IF NOT FOUND THEN RAISE EXCEPTION 'there is no load %', p_load_id USING ERRCODE = 'no_data_found'; END IF;
    PERFORM lock_ownership((SELECT array_agg(ownership_id) FROM ownership WHERE region = l.region));
    PERFORM FROM load WHERE load_id = p_load_id FOR UPDATE;
    IF EXISTS (SELECT FROM ownership w JOIN ownership_period p USING (ownership_id)
               WHERE w.region = l.region AND w.kind <> 'reference' AND l.cloud IN (p.owner, p.candidate)) THEN
        RAISE EXCEPTION '% runs beside % already', l.cloud, l.legacy USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM load_item i JOIN posting_key k USING (posting_id)
               JOIN delivery d ON d.accepted_on = k.accepted_on AND d.posting_id = i.posting_id AND d.legal_entity = l.legal_entity
                               AND d.erp = l.cloud
               WHERE i.load_id = p_load_id AND i.made AND d.maybe_there AND d.state <> 'posted') THEN
        RAISE EXCEPTION 'a document of the load of % is under way', l.legal_entity USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE outbox o SET state = 'cancelled', reason = 'load abandoned: ' || p_reason FROM load_item i
    WHERE i.load_id = p_load_id AND i.made AND o.posting_id = i.posting_id AND o.legal_entity = l.legal_entity AND o.destination = l.cloud
      AND o.state NOT IN ('posted', 'cancelled');
    GET DIAGNOSTICS given_up = ROW_COUNT;
    UPDATE load SET state = 'abandoned' WHERE load_id = p_load_id AND state <> 'abandoned';
    UPDATE load_item SET data = NULL WHERE load_id = p_load_id;
    DELETE FROM dual_run_contained WHERE legal_entity = l.legal_entity AND candidate = l.cloud;
    DELETE FROM dual_run_boundary WHERE legal_entity = l.legal_entity AND candidate = l.cloud;
    INSERT INTO audit (region, actor, action, legal_entity, erp, details)
    VALUES (l.region, p_by, 'load_abandoned', l.legal_entity, l.cloud,
            jsonb_build_object('load_id', p_load_id, 'cancelled', given_up, 'reason', p_reason));
    RETURN given_up;
END $$;
REVOKE ALL ON FUNCTION send_load, name_loaded, abandon_load FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON load, load_balance, load_document, load_item, load_gap
    TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT ON load, load_balance, load_document, load_item, load_gap TO hybrid_erp_cutover;
GRANT UPDATE (state, verified_at, checks) ON load TO hybrid_erp_cutover;
GRANT EXECUTE ON FUNCTION send_load, name_loaded, abandon_load TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (LOADS, SENDING, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
