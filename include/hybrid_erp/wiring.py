"""The composition root: which adapter fills which port. The only place, with the DAGs, that reads Airflow Connections."""
