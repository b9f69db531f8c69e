"""Which version of which mapping and posting rules has been in force since when: an auditor asks by which rules a figure was booked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

PUT_IN_FORCE: Final = """
    WITH changed AS (
        INSERT INTO mapping_in_force (erp, mapping_version, rules_version, configuration)
        SELECT %(erp)s, %(mapping_version)s, %(rules_version)s, %(configuration)s
        WHERE NOT EXISTS (SELECT FROM (SELECT mapping_version, rules_version, configuration FROM mapping_in_force WHERE erp = %(erp)s
                                       ORDER BY since DESC LIMIT 1) last
                          WHERE (last.mapping_version, last.rules_version, last.configuration)
                                = (%(mapping_version)s, %(rules_version)s, %(configuration)s))
        RETURNING erp
    )
    INSERT INTO audit (region, actor, action, erp, details)
    SELECT coalesce((SELECT region FROM ownership w JOIN ownership_period p USING (ownership_id)
                     WHERE %(erp)s IN (p.owner, p.candidate) LIMIT 1), '*'),
           %(by)s, 'mapping_in_force', erp,
           jsonb_build_object('mapping_version', %(mapping_version)s::text, 'rules_version', %(rules_version)s::text,
                              'configuration', %(configuration)s::text)
    FROM changed
"""


@dataclass(frozen=True, slots=True)
class PostgresMappings:
    """Needs the rights of `hybrid_erp_delivery`."""

    connection: Connection[tuple[Any, ...]]

    def put_in_force(self, erp: str, *, mapping_version: str, rules_version: str, configuration: str, by: str) -> bool:
        """Write down what deliveries to an ERP are booked by from now on; False if it is what was in force before."""
        terms = {"erp": erp, "mapping_version": mapping_version, "rules_version": rules_version, "configuration": configuration, "by": by}
        return self.connection.execute(PUT_IN_FORCE, terms).rowcount == 1
