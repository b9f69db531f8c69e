"""`make bench`: every figure, one after the other; 1 if a limit is not kept."""

from __future__ import annotations

import os
import sys

from benchmarks import (
    bench_delivery,
    bench_evidence,
    bench_flip,
    bench_freeze,
    bench_http_intake,
    bench_http_reads,
    bench_intake,
    bench_parse,
    bench_reconcile,
    bench_shadow,
    bench_wake,
)
from benchmarks.report import Report
from sandbox.__main__ import telling
from sandbox.site import Site, running_site


def main() -> int:
    """Run all of them on a site of their own."""
    report = Report()
    bench_parse.run(report)
    with running_site(f"bench-{os.getpid()}", telling(), airflow=False) as site:
        _speak_to(site)
        bench_intake.run(site, report)
        bench_http_intake.run(site, report)
        bench_delivery.run(site, report)
        bench_shadow.run(site, report)
        bench_flip.run(site, report)
        bench_http_reads.run(site, report)
        bench_reconcile.run(site.cluster, report)
        bench_evidence.run(site.cluster, report)
    with running_site(f"bench-airflow-{os.getpid()}", telling(), airflow=True) as site:
        _speak_to(site)
        bench_wake.run(site, report)
        bench_freeze.run(site, report, telling())
    missed = [figure.name for figure in report.figures if figure.kept is False]
    print(
        f"{len(report.figures)} figures in build/bench.json"
        + (f"; limits not kept: {', '.join(missed)}" if missed else ", every limit kept")
    )
    return 1 if missed else 0


def _speak_to(site: Site) -> None:
    """Let this process reach the site's store and ERPs as a task would."""
    os.environ.update({name: value for name, value in site.environment().items() if name.startswith(("AIRFLOW", "HYBRID_ERP"))})


if __name__ == "__main__":
    sys.exit(main())
