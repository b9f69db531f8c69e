"""Payloads are erased when their time has passed; a version that comes too early waits for the one before it."""

from alembic import op

revision = "0014"
down_revision = "0013"

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hybrid_erp_retention') THEN
        BEGIN
            CREATE ROLE hybrid_erp_retention NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
END $$;
"""

# What figures are still made of, and nobody is named in: hours and rates by project, and what pairs two halves of an intercompany entry.
ERASED = """
ALTER TABLE posting ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN posting.erased_at IS 'Since when `data` holds only what figures are made of; null: it is what was received.';

CREATE FUNCTION stays_of_payload(p_document_type text, p_data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_document_type
        WHEN 'time_entry' THEN (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(p_data)
                                WHERE key IN ('project', 'hours', 'billable', 'rate', 'currency'))
        WHEN 'journal_entry' THEN CASE WHEN jsonb_typeof(p_data->'intercompany') = 'object' THEN jsonb_build_object(
            'intercompany', jsonb_build_object('pair', p_data->'intercompany'->'pair', 'partner', p_data->'intercompany'->'partner'),
            'currency', p_data->'currency',
            'lines', (SELECT jsonb_agg(jsonb_build_object('debit', line->'debit')) FROM jsonb_array_elements(p_data->'lines') AS line))
            ELSE '{}' END
        ELSE '{}' END
$$;
"""

# `p_terms` is the configuration: `rules` (region, document_type, days, is_moving), one at most for each region and type;
# `closed_through` (last closed period of each legal entity); `booked` (document types that book something). Everything else is asked of the
# store itself. A payload is due when the time of every region concerned has passed since it was settled there; then `kept_because` says
# what still needs it, if anything does.
DUE = """
CREATE FUNCTION payloads_due(p_terms jsonb, p_accepted_on date)
RETURNS TABLE (posting_id uuid, document_type text, regions text[], kept_because text) LANGUAGE sql STABLE AS $$
    WITH rule AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(p_terms->'rules') AS r (region text, document_type text, days integer, is_moving boolean)
    ), closed AS MATERIALIZED (
        SELECT key AS legal_entity, value AS period FROM jsonb_each_text(p_terms->'closed_through')
    ), moving AS MATERIALIZED (
        SELECT region FROM ownership WHERE phase NOT IN ('legacy_only', 'cloud_only') OR cutover_id IS NOT NULL
        UNION SELECT w.region FROM ownership w JOIN ownership_period p USING (ownership_id) WHERE p.candidate IS NOT NULL
        UNION SELECT region FROM cutover WHERE ended_at IS NULL
        UNION SELECT region FROM rule WHERE is_moving
    ), book AS MATERIALIZED (
        SELECT DISTINCT ON (w.region) w.region, p.owner FROM ownership w JOIN ownership_period p USING (ownership_id)
        WHERE w.kind = 'ledger' AND p.from_period <= to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM')
        ORDER BY w.region, p.from_period DESC
    )
    SELECT p.posting_id, p.document_type, judged.regions, substr(judged.kept_because, 3)
    FROM posting p CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT o.region) AS regions, bool_and(coalesce(r.days, 2147483647) <= extract(epoch FROM
                   clock_timestamp() - greatest(p.accepted_at, d.settled_at)) / 86400) AS is_over,
               min(CASE
                   WHEN o.state NOT IN ('posted', 'cancelled') OR d.is_open THEN '1 it is not settled'
                   WHEN d.is_in_doubt THEN '2 an ERP may hold it all the same'
                   WHEN o.region IN (SELECT region FROM moving) OR EXISTS (
                       SELECT FROM dual_run_boundary l JOIN ownership w ON w.region = o.region AND w.phase = 'legacy_only'
                       WHERE l.legal_entity = o.legal_entity) THEN '3 its region is moving'
                   WHEN o.kind = 'reference' AND NOT EXISTS (
                       SELECT FROM document v WHERE v.document_type = p.document_type AND v.identified_in = p.identified_in
                       AND v.number = p.number AND v.version > p.version) THEN '4 it is the latest version of master data'
                   WHEN o.kind <> 'reference' AND coalesce(d.period, o.period, to_char(p.accepted_on, 'YYYY-MM'))
                       > coalesce((SELECT c.period FROM closed c WHERE c.legal_entity = o.legal_entity), '') THEN '5 its period is open'
                   WHEN d.is_booked_here AND NOT EXISTS (
                       SELECT FROM observed_company k JOIN observed_document n USING (company_id) WHERE k.legal_entity = o.legal_entity
                       AND k.erp = 'receipts of ' || b.owner AND n.match_key = p.posting_id) THEN '6 no reconciliation has compared it'
               END) AS kept_because
        FROM outbox o LEFT JOIN rule r ON r.region = o.region AND r.document_type = p.document_type LEFT JOIN book b ON b.region = o.region
        LEFT JOIN LATERAL (
            SELECT max(e.settled_at) AS settled_at, to_char(max(e.accounting_on), 'YYYY-MM') AS period,
                   bool_or(e.state NOT IN ('posted', 'cancelled')) AS is_open,
                   bool_or(e.maybe_there AND e.state <> 'posted') AS is_in_doubt,
                   bool_or(e.state = 'posted' AND e.native_id IS NOT NULL AND e.erp = b.owner AND p_terms->'booked' ? p.document_type
                           AND NOT EXISTS (SELECT FROM load_item i JOIN load l USING (load_id) WHERE i.posting_id = p.posting_id
                                           AND l.legal_entity = o.legal_entity AND l.state <> 'abandoned')) AS is_booked_here
            FROM delivery e
            WHERE e.accepted_on = p.accepted_on AND e.posting_id = p.posting_id AND e.legal_entity = o.legal_entity) d ON true
        WHERE o.posting_id = p.posting_id) AS judged
    WHERE p.accepted_on = p_accepted_on AND p.erased_at IS NULL AND judged.is_over
$$;
"""

# The shared side of every ownership lock: no region begins to move, and no copy is made of what was booked before, meanwhile.
ERASE = """
CREATE FUNCTION erase_payloads(p_terms jsonb, p_accepted_on date, p_limit integer, p_by text)
RETURNS TABLE (document_type text, payloads bigint) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1, ownership_id) FROM (SELECT ownership_id FROM ownership ORDER BY ownership_id) AS every;
    PERFORM require_trusted_store();
    IF (SELECT is_recovering FROM store_trust) THEN
        RAISE EXCEPTION 'the store is being recovered: what was sent may have to be looked for'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN QUERY WITH due AS MATERIALIZED (
        SELECT * FROM payloads_due(p_terms, p_accepted_on) WHERE kept_because IS NULL LIMIT p_limit
    ), erased AS (
        UPDATE posting p SET data = stays_of_payload(p.document_type, p.data), erased_at = clock_timestamp() FROM due
        WHERE p.accepted_on = p_accepted_on AND p.posting_id = due.posting_id
        RETURNING p.posting_id, p.document_type, p.correlation_id, due.regions
    ), silenced AS (
        UPDATE delivery d SET message = NULL FROM erased
        WHERE d.accepted_on = p_accepted_on AND d.posting_id = erased.posting_id AND d.message IS NOT NULL
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, correlation_id, details)
        SELECT each, p_by, 'payload_erased', erased.posting_id, erased.correlation_id,
               jsonb_build_object('content_hash', encode(k.content_hash, 'hex'), 'days', rule->'days', 'owner', rule->'owner',
                                  'reason', rule->'reason')
        FROM erased JOIN posting_key k USING (posting_id) CROSS JOIN LATERAL unnest(erased.regions) AS each
        JOIN jsonb_array_elements(p_terms->'rules') AS rule
            ON rule->>'region' = each AND rule->>'document_type' = erased.document_type
    )
    SELECT erased.document_type, count(*) FROM erased GROUP BY 1;
END $$;
REVOKE ALL ON FUNCTION erase_payloads FROM PUBLIC;
"""

# A version that comes before the one before it waits for that, as for anything else that it depends on.
GAPS = """
ALTER TABLE dependency ADD COLUMN version integer;
COMMENT ON COLUMN dependency.version IS 'Of the other document; null: any.';
CREATE INDEX dependency_version ON dependency (posting_id) WHERE version IS NOT NULL;

-- A version has come into a gap: later ones that were not sent go behind it in their lane, in their order, and the next, if it went to the
-- desk for it alone, waits again. Raises where a person has given the gap up meanwhile: then the version is stale. `p_together`: what comes
-- in the same transaction.
CREATE FUNCTION fill_version_gap(p_document_type text, p_identified_in text, p_number text, p_version integer, p_together uuid[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE later document;
BEGIN
    SELECT * INTO later FROM document WHERE document_type = p_document_type AND identified_in = p_identified_in AND number = p_number
        AND version > p_version AND posting_id <> ALL(p_together) ORDER BY version LIMIT 1;
    PERFORM FROM dependency WHERE posting_id = later.posting_id AND version IS NOT NULL FOR UPDATE;
    IF later.posting_id IS NOT NULL AND NOT FOUND THEN
        RAISE EXCEPTION 'nothing waits any more for version % of % %', p_version, p_document_type, p_number
            USING ERRCODE = 'serialization_failure';
    END IF;
    FOR later IN SELECT * FROM document WHERE document_type = p_document_type AND identified_in = p_identified_in
                 AND number = p_number AND version > p_version ORDER BY version LOOP
        UPDATE outbox o SET seq = n.seq, state = CASE WHEN later.version = p_version + 1 THEN 'waiting' ELSE o.state END,
            reason = CASE WHEN later.version > p_version + 1 THEN o.reason END
        FROM (SELECT nextval('posting_seq') AS seq) n
        WHERE o.posting_id = later.posting_id AND (o.state = 'waiting' OR o.state = 'dead_lettered' AND o.reason LIKE 'version_gap:%');
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION fill_version_gap FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON posting_key, posting, document, outbox, delivery, ownership, ownership_period, cutover, load, load_item, observed_company,
    observed_document, dual_run_boundary TO hybrid_erp_retention;
GRANT EXECUTE ON FUNCTION erase_payloads TO hybrid_erp_retention;
GRANT EXECUTE ON FUNCTION fill_version_gap TO hybrid_erp_intake;
GRANT DELETE ON dependency TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (ROLE, ERASED, DUE, ERASE, GAPS, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
