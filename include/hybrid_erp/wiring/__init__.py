"""The composition root: which adapter fills which port. With the DAGs and the plugin, all that knows Airflow."""
